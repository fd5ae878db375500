/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/net.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "launcher/paths.h"

#define NET_DIR	     "/run/nacre/net"
#define NAT_MARK     ".nat"	/* the subnet that is translated */
#define FORWARD_MARK ".forward"	/* the host did not forward before */
#define FORWARD_FILE "/proc/sys/net/ipv4/ip_forward"

int net_parse_subnet(const char *text, struct net_subnet *s)
{
	struct in_addr address;
	char copy[32], *slash, *end;
	unsigned long prefix;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (!slash)
		return -EINVAL;
	*slash++ = '\0';
	prefix = strtoul(slash, &end, 10);
	if (!*slash || *end || prefix < 8 || prefix > 29 || inet_pton(AF_INET, copy, &address) != 1)
		return -EINVAL;
	s->prefix = (unsigned)prefix;
	s->address = ntohl(address.s_addr);
	return s->address & (UINT32_MAX >> prefix) ? -EINVAL : 0;
}

static bool parse_number(const char *text, size_t length, uint16_t *ret)
{
	unsigned long n = 0;

	if (!length || length > 5)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (unsigned long)(text[i] - '0');
	}
	*ret = (uint16_t)n;
	return n > 0 && n <= UINT16_MAX;
}

int net_parse_port(const char *text, struct net_port *p)
{
	size_t length = strcspn(text, "/");
	size_t host = strcspn(text, ":/");
	const char *protocol = text[length] ? text + length + 1 : "tcp";

	*p = (struct net_port){ .udp = strcmp(protocol, "udp") == 0 };
	if (!p->udp && strcmp(protocol, "tcp") != 0)
		return -EINVAL;
	if (!parse_number(text, host, &p->host))
		return -EINVAL;
	p->container = p->host;
	if (host == length)
		return 0;
	return parse_number(text + host + 1, length - host - 1, &p->container) ? 0 : -EINVAL;
}

void net_format(uint32_t address, char text[static 16])
{
	struct in_addr a = { htonl(address) };

	inet_ntop(AF_INET, &a, text, 16);
}

static bool parse_address(const char *text, uint32_t *ret)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		return false;
	*ret = ntohl(a.s_addr);
	return true;
}

static ino_t namespace_of_ours(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) < 0 ? 0 : st.st_ino;
}

/* The directory of our namespace's addresses, locked as long as it is open. */
static int open_leases(char **ret_path, struct fault *f)
{
	cleanup_free char *path = NULL;
	cleanup_fd int fd = -1;
	struct stat ours, there;
	int r;

	if (asprintf(&path, NET_DIR "/%llu", (unsigned long long)namespace_of_ours()) < 0) {
		path = NULL;
		return fault_set(f, -ENOMEM, "cannot reserve an address");
	}
	for (;;) {
		r = paths_make(path, 0755);
		if (r >= 0)
			r = fd = neg_errno(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		if (r == -ENOENT)
			continue;
		if (r >= 0)
			r = neg_errno(flock(fd, LOCK_EX));
		if (r < 0)
			return fault_set(f, r, "cannot keep addresses in '%s'", path);
		/* The last container's end may have removed it meanwhile. */
		if (fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino)
			break;
		close(fd);
	}
	*ret_path = take_ptr(path);
	return take_fd(&fd);
}

/* Whose container is gone without having given it back: the first line names it. */
static bool is_stale(int dir_fd, const char *name)
{
	cleanup_buf struct buf text = BUF_INIT;

	if (buf_read_file(&text, dir_fd, name) < 0 || !text.length)
		return false;
	text.data[strcspn(text.data, "\n")] = '\0';
	return access(text.data, F_OK) < 0;
}

/* The other lines are ports that lead to it. */
static void drop_lease(int dir_fd, const char *name)
{
	cleanup_buf struct buf text = BUF_INIT;
	char *line, *rest;

	if (buf_read_file(&text, dir_fd, name) >= 0 && text.data) {
		(void)strtok_r(text.data, "\n", &rest);
		while ((line = strtok_r(NULL, "\n", &rest))) {
			struct net_port port;

			if (net_parse_port(line, &port) >= 0)
				net_nat_unpublish(&port);
		}
	}
	(void)unlinkat(dir_fd, name, 0);
}

static int dup_dir(int dir_fd, DIR **ret)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*ret = fd < 0 ? NULL : fdopendir(fd);
	return *ret ? 0 : -errno;
}

static int choose(int dir_fd, const struct net_subnet *subnet, uint32_t *ret_address)
{
	uint32_t count = UINT32_MAX >> subnet->prefix;	/* the last is for broadcast */
	cleanup_free unsigned char *used = calloc(count / 8 + 1, 1);
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	uint32_t address;

	if (!used || dup_dir(dir_fd, &dir) < 0)
		return -ENOMEM;
	while ((entry = readdir(dir))) {
		if (!parse_address(entry->d_name, &address))
			continue;
		if (is_stale(dir_fd, entry->d_name))
			drop_lease(dir_fd, entry->d_name);
		else if (address - subnet->address < count)
			used[(address - subnet->address) / 8] |=
				(unsigned char)(1u << (address - subnet->address) % 8);
	}
	for (uint32_t i = 2; i < count; i++)
		if (!(used[i / 8] & (1u << i % 8))) {
			*ret_address = subnet->address + i;
			return 0;
		}
	return -EADDRNOTAVAIL;
}

static int write_file(int dir_fd, const char *name, const char *text)
{
	cleanup_fd int fd = neg_errno(openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC |
					     O_CLOEXEC | O_NOFOLLOW, 0644));

	if (fd < 0)
		return fd;
	return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
}

static int start_forwarding(int dir_fd)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = buf_read_file(&text, AT_FDCWD, FORWARD_FILE);

	if (r < 0 || buf_text(&text)[0] == '1')
		return r;
	r = write_file(dir_fd, FORWARD_MARK, "");
	return r < 0 ? r : write_file(AT_FDCWD, FORWARD_FILE, "1\n");
}

static int start_nat(int dir_fd, const struct net_subnet *subnet, struct fault *f)
{
	char address[16], text[24];
	int r;

	if (faccessat(dir_fd, NAT_MARK, F_OK, 0) == 0)
		return 0;
	net_format(subnet->address, address);
	snprintf(text, sizeof(text), "%s/%u", address, subnet->prefix);
	/* First the mark: whoever finds it undoes what there is. */
	r = write_file(dir_fd, NAT_MARK, text);
	if (r >= 0)
		r = start_forwarding(dir_fd);
	if (r < 0)
		return fault_set(f, r, "cannot have the host forward for containers");
	r = net_nat_add(subnet);
	if (r != -ENOENT)
		return r < 0 ? fault_set(f, 0, "cannot translate addresses: the message of nft or "
					 "iptables is above\nDo without: --no-nat") : 0;
	log_warn("neither nft nor iptables is installed: the container reaches the host alone\n"
		 "Install one, or say so: --no-nat");
	return 0;
}

static void stop_nat(int dir_fd)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct net_subnet subnet;

	if (buf_read_file(&text, dir_fd, NAT_MARK) < 0)
		return;
	if (net_parse_subnet(buf_text(&text), &subnet) >= 0)
		net_nat_remove(&subnet);
	if (faccessat(dir_fd, FORWARD_MARK, F_OK, 0) == 0)
		(void)write_file(AT_FDCWD, FORWARD_FILE, "0\n");
	(void)unlinkat(dir_fd, FORWARD_MARK, 0);
	(void)unlinkat(dir_fd, NAT_MARK, 0);
}

static bool has_leases(int dir_fd)
{
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	uint32_t address;
	bool found = false;

	if (dup_dir(dir_fd, &dir) < 0)
		return true;
	while (!found && (entry = readdir(dir)))
		found = parse_address(entry->d_name, &address) && !is_stale(dir_fd, entry->d_name);
	return found;
}

static void remove_bridge(int dir_fd, const char *path)
{
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;

	stop_nat(dir_fd);
	(void)net_link_remove(NET_BRIDGE);
	if (dup_dir(dir_fd, &dir) < 0)
		return;
	while ((entry = readdir(dir)))
		(void)unlinkat(dir_fd, entry->d_name, 0);	/* stale ones */
	(void)rmdir(path);
	(void)rmdir(NET_DIR);
}

int net_reserve(const struct net_subnet *subnet, bool nat, const char *state_path,
		char **ret_lease, uint32_t *ret_address, struct fault *f)
{
	cleanup_free char *path = NULL;
	cleanup_fd int dir_fd = open_leases(&path, f);
	char name[16];
	int r;

	if (dir_fd < 0)
		return dir_fd;
	r = choose(dir_fd, subnet, ret_address);
	if (r < 0)
		return fault_set(f, r, "all addresses of the subnet are taken\n"
				 "Choose a larger one: --subnet 10.99.0.0/16");
	net_format(*ret_address, name);
	if (asprintf(ret_lease, "%s/%s", path, name) < 0) {
		*ret_lease = NULL;
		return fault_set(f, -ENOMEM, "cannot reserve an address");
	}
	r = write_file(dir_fd, name, state_path);
	if (r < 0)
		fault_set(f, r, "cannot keep the address '%s'", *ret_lease);
	if (r >= 0) {
		r = net_link_bridge(subnet);
		if (r < 0)
			fault_set(f, r, "cannot make the bridge " NET_BRIDGE "\n"
				  "It needs root, and a kernel with bridges.");
	}
	if (r >= 0 && nat)
		r = start_nat(dir_fd, subnet, f);
	if (r < 0) {
		(void)unlinkat(dir_fd, name, 0);
		if (!has_leases(dir_fd))
			remove_bridge(dir_fd, path);
		free(take_ptr(*ret_lease));
	}
	return r;
}

/* Noted first, so that whoever finds the note undoes it. */
static int publish_one(int fd, const struct net_port *port, uint32_t address, struct fault *f)
{
	int r;

	if (dprintf(fd, "\n%u:%u/%s", port->host, port->container, port->udp ? "udp" : "tcp") < 0)
		return fault_set(f, -errno, "cannot note the port %u", port->host);
	r = net_nat_publish(port, address);
	if (r == -ENOENT)
		return fault_set(f, 0, "ports are published by nft, which is not installed\n"
				 "Install nftables.");
	if (r == -EADDRINUSE) {
		fault_set(f, 0, "port %u of the host is published already", port->host);
		/* Not ours: it must not be undone with us. */
		return ftruncate(fd, 0) < 0 ? -errno : r;
	}
	return r;
}

static int write_again(int fd, const char *state_path, const struct net_port *ports, size_t count)
{
	if (dprintf(fd, "%s", state_path) < 0)
		return -errno;
	for (size_t i = 0; i < count; i++)
		if (dprintf(fd, "\n%u:%u/%s", ports[i].host, ports[i].container,
			    ports[i].udp ? "udp" : "tcp") < 0)
			return -errno;
	return 0;
}

int net_publish(const char *lease, const struct net_port *ports, size_t count, struct fault *f)
{
	cleanup_free char *path = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_fd int dir_fd = -1, fd = -1;
	const char *name = strrchr(lease, '/') + 1;
	uint32_t address;
	int r;

	if (!count)
		return 0;
	dir_fd = open_leases(&path, f);
	if (dir_fd < 0)
		return dir_fd;
	fd = neg_errno(openat(dir_fd, name, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
	r = fd < 0 ? fd : buf_read_fd(&text, fd);
	if (r < 0 || !parse_address(name, &address))
		return fault_set(f, r < 0 ? r : -EINVAL, "cannot read '%s'", lease);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		r = publish_one(fd, &ports[i], address, f);
		if (r == -EADDRINUSE)
			(void)write_again(fd, buf_text(&text), ports, i);
	}
	/* From the host's own 127.0.0.1: this interface alone takes such packets. */
	if (r >= 0)
		r = write_file(AT_FDCWD, "/proc/sys/net/ipv4/conf/" NET_BRIDGE "/route_localnet", "1\n");
	return r < 0 ? fault_set(f, r, "cannot publish ports") : 0;
}

static void name_interface(uint32_t address, char name[static 16])
{
	snprintf(name, 16, "nacre-%08x", address);
}

int net_attach(const struct net_subnet *subnet, uint32_t address, pid_t pid, struct fault *f)
{
	cleanup_fd int netns = -1;
	char path[32], name[16];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	netns = neg_errno(open(path, O_RDONLY | O_CLOEXEC));
	if (netns < 0)
		return fault_set(f, netns, "cannot open the container's network namespace");
	name_interface(address, name);
	/* Left by one that was killed, until the kernel has taken its namespace down. */
	(void)net_link_remove(name);
	r = net_link_pair(name, netns);
	if (r < 0)
		return fault_set(f, r, "cannot make the interface '%s' at the bridge " NET_BRIDGE, name);
	r = net_link_configure(netns, subnet, address);
	return r < 0 ? fault_set(f, r, "cannot set up the container's interface") : 0;
}

void net_release(const char *lease)
{
	cleanup_free char *path = NULL;
	struct fault f = FAULT_INIT;
	const char *slash = strrchr(lease, '/');
	cleanup_fd int dir_fd = -1;
	uint32_t address;
	char name[16];

	if (!slash || !parse_address(slash + 1, &address))
		return;
	/* Of another network namespace: its bridge is not ours to touch. */
	if (strtoull(lease + strlen(NET_DIR) + 1, NULL, 10) != namespace_of_ours()) {
		(void)unlink(lease);
		return;
	}
	dir_fd = open_leases(&path, &f);
	if (dir_fd < 0) {
		fault_print(&f);
		return;
	}
	name_interface(address, name);
	(void)net_link_remove(name);
	drop_lease(dir_fd, slash + 1);
	if (!has_leases(dir_fd))
		remove_bridge(dir_fd, path);
}
