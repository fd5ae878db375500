/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/opt.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/errors.h"

int opt_error_set(struct opt_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

int opt_list_add(struct opt_list *list, const char *text)
{
	cleanup_free char *copy = strdup(text);
	char **items;

	if (!copy)
		return -ENOMEM;

	items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;

	list->items = items;
	list->items[list->count++] = take_ptr(copy);
	return 0;
}

int opt_list_addf(struct opt_list *list, const char *format, ...)
{
	cleanup_free char *text = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	if (r < 0) {
		text = NULL;	/* undefined by then */
		return -ENOMEM;
	}
	return opt_list_add(list, text);
}

void opt_list_done(struct opt_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct opt_list){ 0 };
}

int opt_parse_size(const char *value, void *field, struct opt_error *error)
{
	static const char units[] = "KMGT";
	unsigned long long n;
	unsigned shift = 0;
	const char *unit;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (!isdigit((unsigned char)value[0]) || errno)
		return opt_error_set(error, "'%s' is not a size", value);

	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || (end[1] && strcasecmp(end + 1, "B") != 0 &&
			      strcasecmp(end + 1, "iB") != 0))
			return opt_error_set(error, "'%s' is not a size: use a number with K, M, G or T",
					     value);
		shift = 10 * (unsigned)(unit - units + 1);
	}

	if (n > (UINT64_MAX >> shift))
		return opt_error_set(error, "'%s' is too large", value);

	*(uint64_t *)field = (uint64_t)n << shift;
	return 0;
}

static bool opt_needs_value(const struct opt *o)
{
	return o->kind == OPT_STRING || o->kind == OPT_LIST ||
	       o->kind == OPT_UINT || o->kind == OPT_PARSE;
}

static int set_flag(const char *value, bool *field, struct opt_error *error)
{
	if (!value || strcmp(value, "1") == 0)
		*field = true;
	else if (strcmp(value, "0") == 0)
		*field = false;
	else
		return opt_error_set(error, "'%s' is neither 0 nor 1", value);
	return 0;
}

static int set_string(const char *value, char **field)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

static int set_uint(const char *value, unsigned *field, struct opt_error *error)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (!isdigit((unsigned char)value[0]) || *end || errno || n > UINT_MAX)
		return opt_error_set(error, "'%s' is not a number", value);
	*field = n;
	return 0;
}

static int opt_set(const struct opt *o, const char *value, void *config,
		   struct opt_error *error)
{
	void *field = (char *)config + o->offset;

	switch (o->kind) {
	case OPT_FLAG:
		return set_flag(value, field, error);
	case OPT_STRING:
		return set_string(value, field);
	case OPT_LIST:
		return opt_list_add(field, value);
	case OPT_UINT:
		return set_uint(value, field, error);
	case OPT_PARSE:
	case OPT_PARSE_FLAG:
		return o->parse(value, field, error);
	case OPT_IGNORE:
		return 0;
	}
	return -EINVAL;
}

/* Sets the option and puts its name, as the user wrote it, before any error. */
static int opt_apply(const struct opt *o, const char *written, const char *value,
		     void *config, struct opt_error *error)
{
	struct opt_error inner = { "" };
	int r;

	if (!value && opt_needs_value(o))
		return opt_error_set(error, "option '%s' needs a value: %s",
				     written, o->arg ? o->arg : "VALUE");
	if (value && o->kind == OPT_PARSE_FLAG)
		return opt_error_set(error, "option '%s' takes no value", written);

	r = opt_set(o, value, config, &inner);
	if (r == -EINVAL)
		return opt_error_set(error, "option '%s': %s", written, inner.text);
	return r;
}

static const struct opt *find_name(const struct opt_table *t, const char *name,
				   size_t length)
{
	for (size_t i = 0; i < t->count; i++)
		if (strlen(t->rows[i].name) == length &&
		    memcmp(t->rows[i].name, name, length) == 0)
			return &t->rows[i];
	return NULL;
}

static const struct opt *find_letter(const struct opt_table *t, char letter)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->rows[i].letter == letter)
			return &t->rows[i];
	return NULL;
}

/* "--name", "--name=value" or "--name value"; returns the words used up. */
static int parse_word(const struct opt_table *t, int argc, char *const *argv,
		      void *config, struct opt_error *error)
{
	const char *name = argv[0] + 2;
	const char *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const char *value = equals ? equals + 1 : NULL;
	const struct opt *o = find_name(t, name, length);
	char written[128];
	int used = 1;
	int r;

	if (!o)
		return opt_error_set(error, "unknown option '%s'", argv[0]);
	if (!value && opt_needs_value(o) && argc > 1) {
		value = argv[1];
		used = 2;
	}

	snprintf(written, sizeof(written), "--%s", o->name);
	r = opt_apply(o, written, value, config, error);
	return r < 0 ? r : used;
}

/* "-abc", "-o value" or "-ovalue"; returns the words used up. */
static int parse_letters(const struct opt_table *t, int argc, char *const *argv,
			 void *config, struct opt_error *error)
{
	for (const char *p = argv[0] + 1; *p; p++) {
		const struct opt *o = find_letter(t, *p);
		char written[3] = { '-', *p, '\0' };
		int r;

		if (!o)
			return opt_error_set(error, "unknown option '%s'", written);
		if (opt_needs_value(o)) {
			const char *value = p[1] ? p + 1 : argc > 1 ? argv[1] : NULL;

			r = opt_apply(o, written, value, config, error);
			return r < 0 ? r : p[1] ? 1 : 2;
		}

		r = opt_apply(o, written, NULL, config, error);
		if (r < 0)
			return r;
	}
	return 1;
}

int opt_parse_args(const struct opt_table *table, int argc, char *const *argv,
		   void *config, struct opt_list *operands,
		   struct opt_error *error)
{
	int i = 0;
	int r;

	while (i < argc) {
		const char *word = argv[i];

		if (strcmp(word, "--") == 0) {
			i++;
			break;
		}
		if (word[0] != '-' || word[1] == '\0') {
			if (!operands)
				return i;
			r = opt_list_add(operands, word);
			if (r < 0)
				return r;
			i++;
			continue;
		}

		r = (word[1] == '-' ? parse_word : parse_letters)(
			table, argc - i, argv + i, config, error);
		if (r < 0)
			return r;
		i += r;
	}

	for (; operands && i < argc; i++) {
		r = opt_list_add(operands, argv[i]);
		if (r < 0)
			return r;
	}
	return i;
}

/*
 * Copies the next option of @text to @out without its quotes. Returns where the
 * text goes on, or NULL if a quote is not closed.
 */
static const char *next_mount_option(const char *text, char *out)
{
	bool quoted = false;

	for (; *text && (quoted || *text != ','); text++) {
		if (*text == '"') {
			quoted = !quoted;
			continue;
		}
		if (*text == '\\' && (text[1] == ',' || text[1] == '"')) {
			text++;
		} else if (*text == '\\' && text[1]) {
			*out++ = *text++;
		}
		*out++ = *text;
	}
	*out = '\0';

	if (quoted)
		return NULL;
	return *text ? text + 1 : text;
}

int opt_parse_mount(const struct opt_table *table, const char *text, void *config,
		    void (*unknown)(const char *option, void *config),
		    struct opt_error *error)
{
	cleanup_free char *option = malloc(strlen(text) + 1);

	if (!option)
		return -ENOMEM;

	while (*text) {
		const struct opt *o;
		char *equals;
		int r;

		text = next_mount_option(text, option);
		if (!text)
			return opt_error_set(error, "a quote is not closed in the mount options");
		if (!*option)
			continue;

		equals = strchr(option, '=');
		o = find_name(table, option,
			      equals ? (size_t)(equals - option) : strlen(option));
		if (!o) {
			if (!unknown)
				return opt_error_set(error, "unknown mount option '%s'",
						     option);
			unknown(option, config);
			continue;
		}

		r = opt_apply(o, o->name, equals ? equals + 1 : NULL, config, error);
		if (r < 0)
			return r;
	}
	return 0;
}

void opt_print_help(const struct opt_table *table, const char *prefix, FILE *out)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct opt *o = &table->rows[i];
		char left[64];
		int n = 0;

		if (!o->help)
			continue;
		if (o->letter)
			n = snprintf(left, sizeof(left), "-%c, ", o->letter);
		snprintf(left + n, sizeof(left) - n, "%s%s%s%s", prefix, o->name,
			 o->arg ? (*prefix ? " " : "=") : "", o->arg ? o->arg : "");
		fprintf(out, "  %-26s %s\n", left, o->help);
	}
}

void opt_config_done(const struct opt_table *table, void *config)
{
	for (size_t i = 0; i < table->count; i++) {
		void *field = (char *)config + table->rows[i].offset;

		if (table->rows[i].kind == OPT_STRING) {
			free(*(char **)field);
			*(char **)field = NULL;
		} else if (table->rows[i].kind == OPT_LIST) {
			opt_list_done(field);
		}
	}
}
