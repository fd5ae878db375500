/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/container_process.h"

#include <string.h>

#include "launcher/net.h"
#include "launcher/net_files.h"

/* Before the mounts are settled: the container's names of itself are among them. */
int container_reserve_address(struct container *c, struct fault *f)
{
	const struct plan *p = c->plan;
	char text[16];
	int r = 0;

	if (p->bridge) {
		r = net_reserve(&p->subnet, p->nat, c->dir.path, &c->state->lease, &c->address, f);
		if (r < 0)
			return r;
		net_format(c->address, text);
		container_set_text(&c->state->address, strdup(text));
		r = state_save(&c->dir, c->state, f);
		if (r >= 0)
			r = net_publish(c->state->lease, p->ports, p->port_count, f);
	}
	if (r >= 0 && (p->bridge || p->resolver))
		r = net_files_add(c->plan, &c->dir, c->address, f);
	if (r < 0 && c->state->lease)
		net_release(c->state->lease);
	return r;
}

void container_release_address(struct container *c)
{
	if (c->state->lease)
		net_release(c->state->lease);
	container_set_text(&c->state->lease, NULL);
	container_set_text(&c->state->address, NULL);
}

int container_attach_network(struct container *c, struct fault *f)
{
	if (!c->plan->bridge)
		return 0;
	return net_attach(&c->plan->subnet, c->address, c->state->pid, f);
}
