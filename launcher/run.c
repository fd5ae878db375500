/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "launcher/container.h"
#include "launcher/default_root.h"
#include "launcher/fault.h"
#include "launcher/rootless.h"
#include "launcher/run_config.h"
#include "launcher/run_image.h"
#include "launcher/supervise.h"

static char *random_name(void)
{
	unsigned char bytes[6];
	char *name;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return NULL;
	if (asprintf(&name, "%02x%02x%02x%02x%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3],
		     bytes[4], bytes[5]) < 0)
		return NULL;
	return name;
}

static int ensure_lower(struct plan *plan, struct fault *f)
{
	cleanup_free char *path = NULL;
	int r;

	if (plan->rootfs.lowers.count)
		return 0;
	r = default_root_get(&path, f);
	if (r < 0)
		return r;
	return opt_list_add(&plan->rootfs.lowers, path) < 0
		       ? fault_set(f, -ENOMEM, "cannot make the plan") : 0;
}

static int run_plan(const struct globals *g, const struct run_config *config,
		    struct plan *plan, struct signals *signals, struct fault *f)
{
	struct container c;
	int status = 0;
	int r;

	container_sweep(g->root);
	container_init(&c, plan, signals);
	c.state_root = g->root;
	c.supervised = true;
	c.timing = config->timing;
	c.title = g->title;
	c.title_size = g->title_size;

	r = container_create(&c, f);
	if (r < 0)
		return r;
	r = container_start(&c, f);
	if (r >= 0)
		status = supervise(&c);
	container_destroy(&c);
	return r < 0 ? r : status;
}

static int use_image(struct run_config *config, char **command, struct image **ret_image,
		     struct opt_list *words, struct fault *f)
{
	struct image_store *store = NULL;
	int r = image_store_open(NULL, &store, f);

	if (r >= 0)
		r = image_store_obtain(store, config->image, ret_image, f);
	image_store_close(store);
	if (r >= 0)
		r = run_image_apply(config, *ret_image, command, words, f);
	/* An execve(2) argument list ends with NULL. */
	if (r >= 0)
		r = opt_list_add(words, "") < 0 ? -ENOMEM : 0;
	if (r >= 0) {
		free(words->items[--words->count]);
		words->items[words->count] = NULL;
	}
	return r;
}

/* Return: an exit status, or negative errno with @f. */
static int run(const struct globals *g, struct run_config *config, char **command,
	       struct signals *signals, struct fault *f)
{
	cleanup_free char *name = config->name ? strdup(config->name) : random_name();
	struct opt_list words = { 0 };
	struct image *image = NULL;
	struct plan *plan = NULL;
	int r;

	if (!name)
		return fault_set(f, -ENOMEM, "cannot name the container");
	if (config->image) {
		r = use_image(config, command, &image, &words, f);
		if (r < 0)
			goto out;
		command = words.items;
	}
	r = run_config_plan(config, name, command, &plan, f);
	if (r >= 0)
		r = rootless_adapt(plan, config->userns, f);
	if (r >= 0)
		r = signals_open(signals);
	if (r >= 0)
		r = ensure_lower(plan, f);
	if (r >= 0)
		r = run_plan(g, config, plan, signals, f);
out:
	plan_free(plan);
	opt_list_done(&words);
	image_release(image);	/* its layers may go now */
	return r;
}

/* An engine's "run" has a bundle; ours has none, and its command may say anything. */
static bool has_bundle(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--bundle") == 0 || strncmp(argv[i], "--bundle=", 9) == 0)
			return true;
	return false;
}

int verb_run(const struct globals *g, int argc, char **argv)
{
	struct run_config config = { 0 };
	struct signals signals = { .fd = -1 };
	struct fault f = FAULT_INIT;
	int command = 0;
	int r;

	if (has_bundle(argc, argv))
		return verb_run_bundle(g, argc, argv);
	r = run_config_parse(argc, argv, &config, &command, &f);

	if (r >= 0 && config.help) {
		run_config_help(stdout);
		run_config_done(&config);
		return 0;
	}
	/* As an ordinary user all of this happens again in a user namespace. */
	if (r >= 0 && rootless_is_needed())
		r = rootless_reenter(&f);
	else if (r >= 0)
		r = run(g, &config, argv + command, &signals, &f);
	run_config_done(&config);

	if (r >= 0) {
		signals_close(&signals);
		return r;
	}
	if (signals.interrupted) {
		signals_close(&signals);
		return 128 + signals.interrupted;
	}
	signals_close(&signals);
	fault_print(&f);
	return fault_status(&f);
}
