/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/errors.h"

#define PIECE 16384	/* holds nearly every file whole */

/* The kernel's own numbers: no sign, no blanks before. */
static uint64_t number(const char *p)
{
	uint64_t value = 0;

	while (*p == ' ' || *p == '\t')
		p++;
	while (isdigit((unsigned char)*p))
		value = value * 10 + (uint64_t)(*p++ - '0');
	return value;
}

void text_fields(const char *text, const struct text_field *fields, size_t count,
		 void *target)
{
	size_t expect = 0;

	for (const char *line = text; *line; line++) {
		size_t length = strcspn(line, " \t\n");

		for (size_t i = 0; i < count; i++) {
			size_t at = (expect + i) % count;
			const char *name = fields[at].name;

			if (strncmp(line, name, length) != 0 || name[length] != '\0')
				continue;
			*(uint64_t *)((char *)target + fields[at].offset) =
				number(line + length);
			expect = at + 1;
			break;
		}
		line = strchr(line + length, '\n');
		if (!line)
			return;
	}
}

uint64_t text_value(const char *text, const char *name, uint64_t otherwise)
{
	size_t length = strlen(name);

	for (const char *line = text; *line; line++) {
		if (strncmp(line, name, length) == 0 &&
		    (line[length] == ' ' || line[length] == '\t'))
			return number(line + length);
		line = strchr(line, '\n');
		if (!line)
			break;
	}
	return otherwise;
}

uint64_t text_limit(const char *text)
{
	if (strncmp(text, "max", 3) == 0 || *text == '-' || *text == '\0')
		return TEXT_UNLIMITED;
	return number(text);
}

/* Appends one piece from @offset on; its length, 0 at the end. */
static ssize_t add_piece(int fd, off_t offset, struct buf *out)
{
	char data[PIECE];
	ssize_t n;

	do
		n = pread(fd, data, sizeof(data), offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;

	buf_add(out, data, n);
	return buf_error(out) ? buf_error(out) : n;
}

int text_pread_all(int fd, struct buf *out)
{
	off_t offset = 0;
	ssize_t n;

	while ((n = add_piece(fd, offset, out)) > 0)
		offset += n;
	return (int)n;
}

int text_pread(int fd, struct buf *out)
{
	ssize_t n = add_piece(fd, 0, out);
	off_t offset = n;

	if (n < PIECE)
		return n < 0 ? (int)n : 0;
	while ((n = add_piece(fd, offset, out)) > 0)
		offset += n;
	return (int)n;
}
