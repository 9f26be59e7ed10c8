/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/monitor/out.h"

#include <stdarg.h>
#include <string.h>

#include "lib/plain.h"
#include "loader/app/app.h"
#include "loader/show/show.h"
#include "loader/show/stamp.h"

#define TEXT_LEN 512

struct json_object *monitor_detail(void)
{
	return json_object_new_object();
}

void monitor_add_text(struct json_object *detail, const char *key, const char *text)
{
	char plain[TEXT_LEN];

	plain_text(text, strlen(text), plain, sizeof(plain));
	json_object_object_add(detail, key, json_object_new_string(plain));
}

void monitor_add_number(struct json_object *detail, const char *key, uint64_t number)
{
	json_object_object_add(detail, key, json_object_new_uint64(number));
}

bool monitor_out_is_full(const struct monitor_out *out)
{
	return out->failed || (out->limit && out->count >= out->limit);
}

/* The details come between the event and the text. */
static int print_json(const char *stamp, const char *event, struct json_object *detail,
		      const char *text)
{
	struct json_object *root = show_json_root();

	monitor_add_text(root, "time", stamp);
	monitor_add_text(root, "event", event);
	if (detail) {
		json_object_object_foreach(detail, key, value)
			json_object_object_add(root, key, json_object_get(value));
	}
	monitor_add_text(root, "text", text);
	return show_json_print(root);
}

static int print_text(const char *stamp, const char *event, const char *text)
{
	char plain[TEXT_LEN];
	bool failed = printf("%s %-15s %s\n", stamp, event,
			     plain_text(text, strlen(text), plain, sizeof(plain))) < 0 ||
		      fflush(stdout);

	if (failed)
		log_error("standard output: %s", strerror(errno));
	return failed ? EXIT_FAILED : EXIT_DONE;
}

void monitor_say(struct monitor_out *out, const struct timespec *at, const char *event,
		 struct json_object *detail, const char *fmt, ...)
{
	char text[TEXT_LEN], stamp[STAMP_LEN];
	struct timespec now;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	clock_gettime(CLOCK_REALTIME, &now);
	stamp_text(at ? at : &now, stamp);
	if (!monitor_out_is_full(out)) {
		out->count++;
		out->failed = (out->json ? print_json(stamp, event, detail, text) :
					   print_text(stamp, event, text)) != EXIT_DONE;
	}
	json_object_put(detail);
}
