/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

/* A file in memory; nothing in it is believed before it is compared to size. */
struct image {
	const unsigned char *bytes;
	size_t size;
};

static int image_open(const char *path, struct image *image)
{
	cleanup_fd int fd = neg_errno(open(path, O_RDONLY | O_CLOEXEC));
	const ElfW(Ehdr) *header;
	struct stat st;
	void *p;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(*header))
		return -ENOEXEC;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;

	image->bytes = p;
	image->size = (size_t)st.st_size;
	header = p;
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
	    header->e_phentsize != sizeof(ElfW(Phdr))) {
		munmap(p, image->size);
		return -ENOEXEC;
	}
	return 0;
}

static void image_close(struct image *image)
{
	munmap((void *)image->bytes, image->size);
}

static const void *image_at(const struct image *image, uint64_t offset, uint64_t length)
{
	if (offset > image->size || length > image->size - offset)
		return NULL;
	return image->bytes + offset;
}

/* The n-th program header of a type, or NULL. */
static const ElfW(Phdr) *find_header(const struct image *image, uint32_t type,
				     uint64_t address)
{
	const ElfW(Ehdr) *e = (const void *)image->bytes;
	const ElfW(Phdr) *p = image_at(image, e->e_phoff,
				       (uint64_t)e->e_phnum * sizeof(ElfW(Phdr)));

	for (int i = 0; p && i < e->e_phnum; i++)
		if (p[i].p_type == type &&
		    (type != PT_LOAD || (address >= p[i].p_vaddr &&
					 address - p[i].p_vaddr < p[i].p_filesz)))
			return &p[i];
	return NULL;
}

/* A string that ends inside the file. */
static const char *string_at(const struct image *image, uint64_t offset)
{
	const char *s = image_at(image, offset, 1);

	return s && memchr(s, '\0', image->size - offset) ? s : NULL;
}

static const char *interpreter(const struct image *image)
{
	const ElfW(Phdr) *p = find_header(image, PT_INTERP, 0);

	return p ? string_at(image, p->p_offset) : NULL;
}

int elf_is_static(const char *path)
{
	struct image image;
	int r = image_open(path, &image);

	if (r < 0)
		return r;
	r = !find_header(&image, PT_INTERP, 0);
	image_close(&image);
	return r;
}

struct dynamic {
	const ElfW(Dyn) *entries;
	size_t count;
	uint64_t strings;	/* offset in the file */
};

static bool find_dynamic(const struct image *image, struct dynamic *d)
{
	const ElfW(Phdr) *p = find_header(image, PT_DYNAMIC, 0), *load;

	d->entries = p ? image_at(image, p->p_offset, p->p_filesz) : NULL;
	if (!d->entries)
		return false;
	d->count = p->p_filesz / sizeof(ElfW(Dyn));
	for (size_t i = 0; i < d->count && d->entries[i].d_tag != DT_NULL; i++) {
		if (d->entries[i].d_tag != DT_STRTAB)
			continue;
		load = find_header(image, PT_LOAD, d->entries[i].d_un.d_ptr);
		if (!load)
			return false;
		d->strings = d->entries[i].d_un.d_ptr - load->p_vaddr + load->p_offset;
		return true;
	}
	return false;
}

static const char *dynamic_string(const struct image *image, const struct dynamic *d,
				  ElfW(Sxword) tag, size_t *at)
{
	for (; *at < d->count && d->entries[*at].d_tag != DT_NULL; (*at)++)
		if (d->entries[*at].d_tag == tag)
			return string_at(image, d->strings + d->entries[(*at)++].d_un.d_val);
	return NULL;
}

static bool is_listed(const struct opt_list *list, const char *path)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], path) == 0)
			return true;
	return false;
}

static const char *const library_dirs[] = {
#if defined(__x86_64__)
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
#elif defined(__aarch64__)
	"/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
#endif
	"/lib64", "/usr/lib64", "/lib", "/usr/lib",
};

static char *in_dir(const char *dir, size_t length, const char *origin, const char *name)
{
	bool own = strncmp(dir, "$ORIGIN", 7) == 0;
	char *path;

	if (asprintf(&path, "%.*s%.*s/%s", own ? (int)(strrchr(origin, '/') - origin) : 0, origin,
		     (int)(length - (own ? 7 : 0)), dir + (own ? 7 : 0), name) < 0)
		return NULL;
	if (access(path, R_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static char *find_library(const char *name, const char *runpath, const char *origin)
{
	char *path = NULL;

	for (; runpath && *runpath && !path; runpath += *runpath == ':') {
		size_t length = strcspn(runpath, ":");

		path = in_dir(runpath, length, origin, name);
		runpath += length;
	}
	for (size_t i = 0; !path && i < sizeof(library_dirs) / sizeof(library_dirs[0]); i++)
		path = in_dir(library_dirs[i], strlen(library_dirs[i]), origin, name);
	return path;
}

static int add_libraries(const struct image *image, const char *origin,
			 struct opt_list *closure)
{
	struct dynamic d = { 0 };
	const char *runpath, *name;
	size_t at = 0;
	int r = 0;

	if (!find_dynamic(image, &d))
		return 0;
	runpath = dynamic_string(image, &d, DT_RUNPATH, &at);
	at = 0;
	while (r >= 0 && (name = dynamic_string(image, &d, DT_NEEDED, &at))) {
		cleanup_free char *path = find_library(name, runpath, origin);

		r = path ? elf_closure(path, closure) : -ENOENT;
	}
	return r;
}

int elf_closure(const char *path, struct opt_list *closure)
{
	struct image image;
	const char *interp;
	int r;

	if (is_listed(closure, path))
		return 0;
	r = image_open(path, &image);
	if (r < 0)
		return r;
	r = opt_list_add(closure, path);
	interp = interpreter(&image);
	if (r >= 0 && interp && !is_listed(closure, interp))
		r = opt_list_add(closure, interp);
	if (r >= 0)
		r = add_libraries(&image, path, closure);
	image_close(&image);
	return r;
}
