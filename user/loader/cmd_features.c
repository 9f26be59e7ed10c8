/* SPDX-License-Identifier: BSD-2-Clause */
/* features: what this kernel supports, probed in the kernel itself. version. */
#include <bpf/libbpf.h>
#include <string.h>
#include <sys/utsname.h>

#include "kernel/hook/hook.h"
#include "kernel/hook/tcx.h"
#include "kernel/routing/route.h"
#include "loader/app/app.h"
#include "loader/commands.h"
#include "loader/show/show.h"

struct feature {
	const char *name;
	bool present;
	const char *without; /* the consequence if it is absent */
};

#define FEATURES 8

static bool has_prog(enum bpf_prog_type type)
{
	return libbpf_probe_bpf_prog_type(type, NULL) == 1;
}

static bool has_map(enum bpf_map_type type)
{
	return libbpf_probe_bpf_map_type(type, NULL) == 1;
}

static bool has_helper(enum bpf_prog_type type, enum bpf_func_id helper)
{
	return libbpf_probe_bpf_helper(type, helper, NULL) == 1;
}

static void probe(struct feature features[FEATURES])
{
	const struct feature found[FEATURES] = {
		{ "tc", has_prog(BPF_PROG_TYPE_SCHED_CLS), "nothing works" },
		{ "tc_sk_assign", has_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_sk_assign),
		  "nothing works" },
		{ "sk_lookup", has_prog(BPF_PROG_TYPE_SK_LOOKUP), "nothing works" },
		{ "sockmap", has_map(BPF_MAP_TYPE_SOCKMAP), "tproxy-relay cannot register" },
		{ "lpm_trie", has_map(BPF_MAP_TYPE_LPM_TRIE), "nothing works" },
		{ "tcx", tcx_supported(), "clsact is used" },
		{ "ipv6", route_family_present(AF_INET6), "IPv4 only" },
		{ "btf", !access("/sys/kernel/btf/vmlinux", R_OK), "not needed" },
	};

	memcpy(features, found, sizeof(found));
}

static int print_json(const char *release, const struct feature *features)
{
	struct json_object *root = show_json_root();
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < FEATURES; i++)
		json_object_object_add(object, features[i].name,
				       json_object_new_boolean(features[i].present));
	json_object_object_add(root, "kernel", json_object_new_string(release));
	json_object_object_add(root, "features", object);
	return show_json_print(root);
}

int cmd_features(struct app *app, int argc, char **argv)
{
	struct feature features[FEATURES];
	struct utsname uts;
	int code = app_no_operand(app, argc, argv, NULL);

	if (code)
		return code;
	if (geteuid()) {
		log_error(
			"features: permission denied: only root may probe the kernel (run as root)");
		return EXIT_FAILED;
	}
	if (!app_enter(app) || uname(&uts))
		return EXIT_FAILED;
	probe(features);
	if (app->json)
		return print_json(uts.release, features);
	printf("kernel %s\n", uts.release);
	for (size_t i = 0; i < FEATURES; i++)
		printf("  %-13s %s%s%s\n", features[i].name, features[i].present ? "yes" : "no",
		       features[i].present ? "" : ": ",
		       features[i].present ? "" : features[i].without);
	return EXIT_DONE;
}

int cmd_version(struct app *app, int argc, char **argv)
{
	struct json_object *root;
	int code = app->version ? EXIT_DONE : app_no_operand(app, argc, argv, NULL);

	if (code)
		return code;
	if (!app->json) {
		printf("tproxy-loader %s (ABI %d)\n", TPROXY_VERSION, TPROXY_ABI);
		return EXIT_DONE;
	}
	root = show_json_root();
	json_object_object_add(root, "version", json_object_new_string(TPROXY_VERSION));
	json_object_object_add(root, "abi", json_object_new_int(TPROXY_ABI));
	return show_json_print(root);
}
