/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/trace/output.h"

#include <string.h>

#include "lib/log.h"
#include "loader/show/show.h"

#define BUFFER (64 << 10)

static void failed(struct trace_output *out)
{
	out->error = errno;
	out->closed = true;
}

/* Many lines in one write, except on a terminal: there each one is seen at once. */
void trace_output_begin(struct trace_output *out)
{
	static char buffer[BUFFER];

	setvbuf(stdout, buffer, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, sizeof(buffer));
	if (!out->json && fputs(trace_view_heading, stdout) < 0)
		failed(out);
	trace_output_flush(out);
}

static void put_json(struct trace_output *out, struct json_object *object)
{
	const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;

	if (puts(json_object_to_json_string_ext(object, flags)) < 0)
		failed(out);
	json_object_put(object);
}

void trace_output_event(struct trace_output *out, const struct trace_view *view)
{
	char line[TRACE_LINE_LEN];

	if (out->json) {
		put_json(out, trace_view_json(view));
	} else {
		trace_view_text(view, &out->width, line);
		if (fputs(line, stdout) < 0)
			failed(out);
	}
	out->shown += !out->closed;
}

void trace_output_flush(struct trace_output *out)
{
	if (!out->closed && fflush(stdout))
		failed(out);
}

static struct json_object *note(const char *type)
{
	struct json_object *object = show_json_root();
	char text[TRACE_TIME_LEN];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_object_add(object, "type", json_object_new_string(type));
	json_object_object_add(object, "time", json_object_new_string(trace_time(&now, text)));
	return object;
}

static void add_number(struct json_object *object, const char *key, __u64 number)
{
	json_object_object_add(object, key, json_object_new_int64((int64_t)number));
}

void trace_output_lost(struct trace_output *out, __u64 n)
{
	struct json_object *object;

	log_warn("trace: %llu events were lost in the last second (a filter, or output to a file, "
		 "makes them fewer)",
		 n);
	if (!out->json || out->closed)
		return;
	object = note("lost");
	add_number(object, "lost", n);
	put_json(out, object);
}

/* Also with -q: it is the result of the command, and not a step. */
static void print_summary(const struct trace_summary *s)
{
	fprintf(stderr, "trace: %llu matched, %llu shown, %llu lost", s->matched, s->shown,
		s->lost);
	if (s->unshown)
		fprintf(stderr, ", %llu not shown because enough was shown", s->unshown);
	if (s->unreadable)
		fprintf(stderr, "; the headers of %llu more could not be read", s->unreadable);
	fputc('\n', stderr);
}

void trace_output_end(struct trace_output *out, const struct trace_summary *summary)
{
	struct json_object *object;

	if (out->json && !out->closed) {
		object = note("summary");
		add_number(object, "matched", summary->matched);
		add_number(object, "shown", summary->shown);
		add_number(object, "lost", summary->lost);
		add_number(object, "not_shown", summary->unshown);
		add_number(object, "unreadable", summary->unreadable);
		put_json(out, object);
	}
	trace_output_flush(out);
	print_summary(summary);
}
