/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A million mutated packets through tproxy_ingress and through the reference: both must
 * decide the same, count the same and leave the same tickets and fragments.
 *
 * The packets come in rounds, each in a process of its own with its own namespace, so
 * that no round lives longer than its sockets in TIME_WAIT or its SYN cookies. Within a
 * round the policy changes every few hundred packets. The counters are read where the
 * program writes them: for this test the per-CPU maps are loaded as arrays that can be
 * mapped into memory, since reading them by system calls would take most of the time.
 *
 * TPROXY_MUTATE_SEED, TPROXY_MUTATE_COUNT: the first round's seed (each further round
 * has the next one), and how many packets. With fewer than a million nothing checks that
 * they took every way out.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "mutate_compare.h"
#include "tproxy_watch.h"

#define DEFAULT_COUNT 1000000
#define ROUND 50000u /* packets of a process */
#define BLOCK 250u   /* packets of a policy */

static __u64 setting(const char *name, __u64 usual)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : usual;
}

/* ---- maps --------------------------------------------------------------- */

static void map_in_memory(struct bpf_map *map)
{
	must(bpf_map__set_type(map, BPF_MAP_TYPE_ARRAY), "map type");
	must(bpf_map__set_map_flags(map, BPF_F_MMAPABLE), "map flags");
}

static void prepare(struct tproxy_bpf *skel)
{
	map_in_memory(skel->maps.counters);
	map_in_memory(skel->maps.rulestats);
}

static const void *look_into(const struct bpf_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t n = (size_t)bpf_map__max_entries(map) * bpf_map__value_size(map);
	void *at = mmap(NULL, (n + page - 1) / page * page, PROT_READ, MAP_SHARED, bpf_map__fd(map),
			0);

	must(at == MAP_FAILED ? -errno : 0, "mmap");
	return at;
}

/* ---- policies ----------------------------------------------------------- */

static int apply_edit(const struct tables_edit *edit, void *arg)
{
	const struct policy_maps *maps = arg;

	if (!edit->remove)
		return put_edit(edit, arg);
	must(bpf_map_delete_elem(maps->fd[edit->map], &edit->key), tables_map_names[edit->map]);
	return 0;
}

static void apply_policy(struct round *r)
{
	struct policy_maps maps = policy_maps_maps(&r->w);
	struct tables next = { 0 };

	must(tables_compile(&r->policy.policy, &next), "compile");
	must(tables_diff(&r->tables, &next, apply_edit, &maps), "fill");
	tables_free(&r->tables);
	r->tables = next;
	for (__u32 i = 0; i < TPROXY_MAX_RULES; i++) {
		r->ref.group[i] = r->policy.group[i];
		if (r->policy.group[i])
			set_group(maps.fd[TABLES_RULES], i, r->policy.group[i]);
	}
}

static void set_rules_of(struct round *r, int i, tproxy_mask rules)
{
	r->ref.ifaces[i].rules = rules;
	set_iface(bpf_map__fd(r->w.skel->maps.ifaces), r->ref.ifaces[i].ifindex, rules);
}

static void configure(struct round *r, __u32 mask)
{
	struct tproxy_config config = { .abi = TPROXY_ABI, .mark = MARK, .mask = mask };

	config.df_mark = MASK & ~MARK;
	config.unreadable =
		rng_one_in(&r->rng, 4) ? TPROXY_UNREADABLE_PASS : TPROXY_UNREADABLE_DROP;
	/* These only look. */
	config.audit = rng_one_in(&r->rng, 2);
	r->w.skel->data_watch->watch_wanted =
		rng_one_in(&r->rng, 2) ? TPROXY_WATCH_PACKETS | TPROXY_WATCH_EVENTS : 0;
	r->ref.mark = MARK;
	r->ref.mask = mask;
	r->ref.df_mark = config.df_mark;
	r->ref.unreadable = config.unreadable;
	write_config(&r->w, &config);
}

static void next_policy(struct round *r)
{
	struct mutate_policy old = r->policy;

	/* tables_diff leaves alone what is equal, and a group would stay */
	memset(&r->tables.rules, 0xff, sizeof(r->tables.rules));
	mutate_policy(&r->rng, &r->policy);
	apply_policy(r);
	mutate_policy_free(&old);
	set_rules_of(r, 0, rng_one_in(&r->rng, 8) ? rng_next(&r->rng) : ~0ULL);
	set_rules_of(r, 1, rng_one_in(&r->rng, 2) ? rng_next(&r->rng) : ~0ULL);
	configure(r, rng_one_in(&r->rng, 64) ? 0 : MASK);
	r->ref.cookies_expected = false;
	r->w.skel->data_cookie->cookie_seen = 0;
}

/* ---- rounds ------------------------------------------------------------- */

static void next_packet(struct round *r)
{
	static struct comparison c;

	make_comparison(r, &c);
	run_comparison(r, &c);
	r->tally->packets++;
	if (was_refused(&c)) {
		r->tally->refused++;
		return;
	}
	r->tally->exits[c.answer.exit]++;
	for (int i = 0; i < TPROXY_COUNT_MAX; i++)
		r->tally->counters[i] += c.answer.counts >> i & 1;
	if (c.wrong)
		disagree(r, &c);
}

/* Reads and deletes the fragment. */
static bool fragment_is_right(const struct round *r, const struct ref_fragment *f)
{
	int fd = bpf_map__fd(r->w.skel->maps.frags);
	struct tproxy_frag_key key = { .id = f->id, .proto = f->proto };
	struct tproxy_frag fate;

	ref_addr_map(&f->from, key.src);
	ref_addr_map(&f->to, key.dst);
	if (bpf_map_lookup_elem(fd, &key, &fate))
		return false;
	bpf_map_delete_elem(fd, &key);
	return fate.drop == f->drop;
}

/* The maps hold what the reference remembers, and no more. Empties them. */
static void end_block(struct round *r)
{
	const struct bpf_map *frags = r->w.skel->maps.frags, *tickets = r->w.skel->maps.tickets;
	bool right = is_empty(tickets);

	for (size_t i = 0; i < r->ref.n_fragments; i++)
		right &= fragment_is_right(r, &r->ref.fragments[i]);
	if (!right || !is_empty(frags)) {
		tap_comment("packet %llu: the tickets or the fragments remembered are not right",
			    r->tally->packets);
		r->tally->disagreements++;
		empty(tickets);
		empty(frags);
	}
	r->ref.n_fragments = 0;
}

/* The two packets whose numbers matter. */
static void put_cookie(struct packet *p, const struct ref_world *ref)
{
	__u8 *tcp = p->data + ETH_HLEN + IP4_LEN;

	for (size_t i = 0; i < ref->n_cookies && p->data[ETH_HLEN] == 0x45; i++) {
		__be32 ack = htonl(ref->cookies[i].ack);

		if (get16(tcp + 2) == ref->cookies[i].to.port)
			memcpy(tcp + 8, &ack, sizeof(ack));
	}
}

/* A session that wants everything; what it gets is lost, since it has no ring buffer. */
static void watch(const struct world *w)
{
	const struct tproxy_watcher all = { .until_ns = ~0ULL,
					    .owner = 1,
					    .kinds = TPROXY_WATCH_PACKETS | TPROXY_WATCH_EVENTS };
	__u32 slot = 0;

	put(bpf_map__fd(w->skel->maps.watchers), &slot, &all, "watchers");
}

static void run_round(struct tally *tally, __u64 seed, __u32 packets)
{
	static struct round r;

	r.rng.state = seed;
	r.tally = tally;
	world_open_prepared(&r.w, prepare);
	r.counters = look_into(r.w.skel->maps.counters);
	r.rules = look_into(r.w.skel->maps.rulestats);
	r.ref.policy = &r.policy.policy;
	both_open(&r.w, &r.ref);
	watch(&r.w);
	for (size_t i = 0; i < CORPUS_SIZE; i++) {
		corpus_build(i, &r.corpus[i]);
		put_cookie(&r.corpus[i], &r.ref);
	}
	forward(&r.ref, true);
	for (__u32 i = 0; i < packets; i++) {
		if (i % BLOCK == 0)
			next_policy(&r);
		if (i == packets / 2)
			forward(&r.ref, false);
		next_packet(&r);
		if (i % BLOCK == BLOCK - 1 || i == packets - 1)
			end_block(&r);
	}
	mutate_policy_free(&r.policy);
	tables_free(&r.tables);
	world_close(&r.w);
}

/* False: the process did not end as it should. */
static bool fork_round(struct tally *tally, __u64 seed, __u32 packets)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	must(pid < 0 ? -errno : 0, "fork");
	if (!pid) {
		run_round(tally, seed, packets);
		exit(0);
	}
	must(waitpid(pid, &status, 0) != pid ? -errno : 0, "waitpid");
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* ---- coverage ----------------------------------------------------------- */

/* Counted by other programs, or for a full table. */
static bool is_of_others(enum tproxy_counter i)
{
	return i == TPROXY_COUNT_LOOKUP || i == TPROXY_COUNT_POOL || i == TPROXY_COUNT_POOL_DOWN ||
	       i == TPROXY_COUNT_AUDIT_FULL || i == TPROXY_COUNT_AUDIT_LOST ||
	       !strncmp(counter_names[i], "own_", strlen("own_"));
}

/* Every way out was taken, or the packets are not varied enough to mean anything. */
static void check_coverage(const struct tally *sum)
{
	char name[100];

	for (int i = 0; i < REF_EXIT_MAX; i++) {
		snprintf(name, sizeof(name), "reached %llu times: %s", sum->exits[i],
			 ref_exit_names[i]);
		tap_ok(sum->exits[i] > 0, name);
	}
	for (int i = 0; i < TPROXY_COUNT_MAX; i++) {
		if (is_of_others(i))
			continue;
		snprintf(name, sizeof(name), "counted %llu times: %s", sum->counters[i],
			 counter_names[i]);
		tap_ok(sum->counters[i] > 0, name);
	}
}

static void add_tally(struct tally *sum, const struct tally *t)
{
	sum->packets += t->packets;
	sum->refused += t->refused;
	for (int i = 0; i < REF_EXIT_MAX; i++)
		sum->exits[i] += t->exits[i];
	for (int i = 0; i < TPROXY_COUNT_MAX; i++)
		sum->counters[i] += t->counters[i];
}

static void test_round(struct tally *sum, __u64 seed, __u32 packets)
{
	struct tally *t =
		mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char name[100];
	bool ended;

	must(t == MAP_FAILED ? -errno : 0, "mmap");
	ended = fork_round(t, seed, packets);
	snprintf(name, sizeof(name), "seed %llu: %u packets", seed, packets);
	if (!tap_ok(ended && t->packets == packets && !t->disagreements, name))
		tap_comment("%llu of %llu packets decided otherwise", t->disagreements, t->packets);
	add_tally(sum, t);
	munmap(t, sizeof(*t));
}

int main(void)
{
	__u64 seed = setting("TPROXY_MUTATE_SEED", 1);
	__u64 count = setting("TPROXY_MUTATE_COUNT", DEFAULT_COUNT), left;
	struct tally sum = { 0 };

	if (geteuid() != 0)
		tap_skip_all("needs root");
	for (left = count; left; seed++) {
		__u32 packets = left < ROUND ? (__u32)left : ROUND;

		test_round(&sum, seed, packets);
		left -= packets;
	}
	if (sum.refused)
		tap_comment("%llu packets were too short for this kernel", sum.refused);
	if (count >= DEFAULT_COUNT)
		check_coverage(&sum);
	return tap_done();
}
