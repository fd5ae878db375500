/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/mktar.c - tar archives as no sane program would write them
 *
 * Reads lines from stdin, writes an archive to stdout. Words are separated by
 * blanks; %XX in a word is a byte. One line is one entry:
 *
 *	d NAME			directory
 *	f NAME [TEXT]		file
 *	s NAME SIZE		file that claims a size and has no data
 *	l NAME TARGET		symlink
 *	h NAME TARGET		hard link
 *	c|b NAME MAJOR MINOR	device
 *	p NAME			fifo
 *	t NAME TYPE		an empty entry with this type flag
 *
 * and these are for the next entry only:
 *
 *	mode OCTAL		0644, or 0755 for a directory
 *	own UID GID		0 0
 *	time SECONDS		1000000000
 *	pax KEY VALUE		an extended header
 */
#include "config.h"

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 512

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
	char type, link[100], magic[8], uname[32], gname[32], major[8], minor[8];
	char prefix[155], padding[12];
};

struct next {
	unsigned mode, uid, gid;
	long long mtime;
	char pax[8192];
	size_t pax_size;
};

static void put(const void *data, size_t size)
{
	static const char zeros[BLOCK];
	size_t rest = (BLOCK - size % BLOCK) % BLOCK;

	if (fwrite(data, 1, size, stdout) != size || fwrite(zeros, 1, rest, stdout) != rest)
		err(1, "cannot write");
}

/* Octal, or in base 256 what octal cannot say. */
static void put_number(char *field, size_t size, long long value)
{
	if (value >= 0 && value < 1ll << (3 * (size - 1))) {
		snprintf(field, size, "%0*llo", (int)size - 1, value);
		return;
	}
	for (size_t i = size; i-- > 0; value >>= 8)
		field[i] = (char)value;
	field[0] |= (char)0x80;
}

static void put_entry(const struct next *n, char type, const char *name, const char *link,
		      long long size, unsigned major, unsigned minor)
{
	struct header h = { .type = type, .magic = "ustar" };
	unsigned sum = 0;

	memcpy(h.magic + 6, "00", 2);
	memcpy(h.name, name, strnlen(name, sizeof(h.name)));
	memcpy(h.link, link, strnlen(link, sizeof(h.link)));
	put_number(h.mode, sizeof(h.mode), n->mode);
	put_number(h.uid, sizeof(h.uid), n->uid);
	put_number(h.gid, sizeof(h.gid), n->gid);
	put_number(h.size, sizeof(h.size), size);
	put_number(h.mtime, sizeof(h.mtime), n->mtime);
	put_number(h.major, sizeof(h.major), major);
	put_number(h.minor, sizeof(h.minor), minor);
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((unsigned char *)&h)[i];
	snprintf(h.checksum, sizeof(h.checksum), "%06o", sum);
	put(&h, sizeof(h));
}

static void add_pax(struct next *n, const char *key, const char *value, size_t size)
{
	size_t body = strlen(key) + size + 3, length = body;
	char digits[16];

	/* The record's length counts its own digits. */
	do {
		length = body + (size_t)snprintf(digits, sizeof(digits), "%zu", length);
	} while (length != body + (size_t)snprintf(digits, sizeof(digits), "%zu", length));
	if (n->pax_size + length > sizeof(n->pax))
		errx(1, "too many extended headers");
	n->pax_size += (size_t)sprintf(n->pax + n->pax_size, "%s %s=", digits, key);
	memcpy(n->pax + n->pax_size, value, size);
	n->pax_size += size;
	n->pax[n->pax_size++] = '\n';
}

/* In place; returns the new length. */
static size_t decode(char *word)
{
	char *out = word;

	for (const char *in = word; *in; in++) {
		unsigned byte;

		if (*in == '%' && sscanf(in + 1, "%2x", &byte) == 1) {
			*out++ = (char)byte;
			in += 2;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
	return (size_t)(out - word);
}

static void entry(struct next *n, char kind, char **words, const size_t *sizes)
{
	static const char types[] = "d5f0s0l2h1c3b4p6";
	const char *at = strchr(types, kind);
	char type = kind == 't' ? words[2][0] : at ? at[1] : '\0';
	long long size = kind == 's' ? strtoll(words[2], NULL, 0) : kind == 'f' ? (long long)sizes[2] : 0;
	const struct next plain = { .mode = 0644, .mtime = n->mtime };

	if (!type)
		errx(1, "unknown kind '%c'", kind);
	if (n->pax_size) {
		put_entry(&plain, 'x', "pax", "", (long long)n->pax_size, 0, 0);
		put(n->pax, n->pax_size);
	}
	put_entry(n, type, words[1], kind == 'l' || kind == 'h' ? words[2] : "", size,
		  kind == 'c' || kind == 'b' ? (unsigned)atoi(words[2]) : 0,
		  kind == 'c' || kind == 'b' ? (unsigned)atoi(words[3]) : 0);
	if (kind == 'f' && size)
		put(words[2], (size_t)size);
}

static void reset(struct next *n)
{
	*n = (struct next){ .mode = ~0u, .mtime = 1000000000 };
}

static void line(struct next *n, char *text)
{
	char empty[1] = "";
	char *words[4] = { empty, empty, empty, empty };
	size_t sizes[4] = { 0 };
	char *rest;
	int count = 0;

	for (char *word = strtok_r(text, " \t\n", &rest); word && count < 4;
	     word = strtok_r(NULL, " \t\n", &rest)) {
		words[count] = word;
		sizes[count++] = decode(word);
	}
	if (!count || words[0][0] == '#')
		return;
	if (strcmp(words[0], "mode") == 0) {
		n->mode = (unsigned)strtoul(words[1], NULL, 8);
	} else if (strcmp(words[0], "own") == 0) {
		n->uid = (unsigned)strtoul(words[1], NULL, 10);
		n->gid = (unsigned)strtoul(words[2], NULL, 10);
	} else if (strcmp(words[0], "time") == 0) {
		n->mtime = strtoll(words[1], NULL, 10);
	} else if (strcmp(words[0], "pax") == 0) {
		add_pax(n, words[1], words[2], sizes[2]);
	} else {
		if (n->mode == ~0u)
			n->mode = words[0][0] == 'd' ? 0755 : 0644;
		entry(n, words[0][0], words, sizes);
		reset(n);
	}
}

int main(void)
{
	static const char end[2 * BLOCK];
	struct next n;
	char text[16384];

	reset(&n);
	while (fgets(text, sizeof(text), stdin))
		line(&n, text);
	put(end, sizeof(end));
	return fflush(stdout) == 0 ? 0 : 1;
}
