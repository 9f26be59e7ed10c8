/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/netfilter/walk.h"

#include <linux/netfilter.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_DEPTH 16      /* as in the kernel (NFT_JUMP_STACK_SIZE) */
#define MAX_STEPS 1000000 /* jumps can make the number of ways grow beyond any bound */
#define MAX_BASES 256     /* base chains of one hook */

/* What becomes of the packets that enter a chain. */
struct ends {
	enum fw_match accepted, dropped;
	enum fw_match left; /* at the end of the chain, or returned */
};

void fw_walk_init(struct fw_walk *walk, const struct firewall *fw, const struct fw_packet *packet)
{
	*walk = (struct fw_walk){ .fw = fw, .packet = *packet };
}

static enum fw_match least(enum fw_match a, enum fw_match b)
{
	return a < b ? a : b;
}

static enum fw_match most(enum fw_match a, enum fw_match b)
{
	return a > b ? a : b;
}

/* ---- effects ------------------------------------------------------------ */

static void source_of(const struct fw_packet *packet, const struct fw_write *write, __u32 *value,
		      __u32 *known)
{
	const enum fw_field from = write->source == FW_FROM_MARK ? FW_MARK : FW_CTMARK;

	*value = 0;
	*known = write->source == FW_CONSTANT ? 0xffffffff : 0;
	if (write->source != FW_FROM_MARK && write->source != FW_FROM_CTMARK)
		return;
	*value = fw_known_value(packet, from);
	*known = fw_known_bits(packet, from);
}

/* Of packets that the rule matches only in part, a bit is known if it is the same either way. */
static void apply_write(struct fw_packet *packet, enum fw_field field, const struct fw_write *write,
			enum fw_match match)
{
	const __u32 old = fw_known_value(packet, field), old_known = fw_known_bits(packet, field);
	__u32 value, known;

	source_of(packet, write, &value, &known);
	known |= ~write->and;
	value = (value & write->and) ^ write->xor ;
	if (write->source == FW_FROM_UNKNOWN)
		known = 0;
	value = (value & ~write->keep) | (old & write->keep);
	known = (known & ~write->keep) | (old_known & write->keep);
	if (match != FW_ALL)
		known &= old_known & ~(value ^ old);
	fw_packet_bits(packet, field, value, known);
}

static void apply(struct fw_packet *packet, const struct fw_rule *rule, enum fw_match match)
{
	if (rule->effects & FW_SETS_MARK)
		apply_write(packet, FW_MARK, &rule->mark, match);
	if (rule->effects & FW_SETS_CTMARK)
		apply_write(packet, FW_CTMARK, &rule->ctmark, match);
	if (rule->effects & FW_NOTRACK)
		fw_packet_bits(packet, FW_CTSTATE, FW_STATE_UNTRACKED,
			       match == FW_ALL ? 0xffffffff : 0);
}

static void visit(struct fw_walk *walk, const struct fw_rule *rule, enum fw_match match)
{
	struct fw_packet after = walk->packet;
	const struct fw_visit seen = { rule, match, &walk->packet, &after };

	apply(&after, rule, match);
	if (walk->visit)
		walk->visit(&seen, walk->arg);
	walk->packet = after;
}

/* ---- chains ------------------------------------------------------------- */

static void note_drop(struct fw_walk *walk, const struct fw_chain *chain,
		      const struct fw_rule *rule, enum fw_match match)
{
	if (match <= walk->dropped)
		return;
	walk->dropped = match;
	walk->rule = rule;
	walk->chain = chain;
}

static struct ends follow(struct fw_walk *walk, const struct fw_chain *chain, enum fw_match reach,
			  unsigned int depth);

/* What of the packets that a rule matched meets the next rule. */
struct passed {
	enum fw_match left;
	bool all; /* every one of them */
};

/* A jump or goto: what comes back. */
static struct passed enter(struct fw_walk *walk, const struct fw_rule *rule, enum fw_match match,
			   unsigned int depth, struct ends *ends)
{
	struct ends inner = { FW_NEVER, FW_NEVER, match };

	if (rule->target < walk->fw->n_chains && depth < MAX_DEPTH)
		inner = follow(walk, &walk->fw->chains[rule->target], match, depth + 1);
	else
		walk->unsure = true;
	ends->accepted = most(ends->accepted, inner.accepted);
	ends->dropped = most(ends->dropped, inner.dropped);
	return (struct passed){ inner.left,
				inner.accepted == FW_NEVER && inner.dropped == FW_NEVER };
}

/* What happens to the packets that the rule matches. */
static struct passed obey(struct fw_walk *walk, const struct fw_rule *rule, enum fw_match match,
			  unsigned int depth, struct ends *ends)
{
	static const struct passed none = { FW_NEVER, false };

	switch (rule->verdict) {
	case FW_ACCEPT:
	case FW_QUEUE:
		walk->unsure |= rule->verdict == FW_QUEUE;
		ends->accepted = most(ends->accepted, match);
		return none;
	case FW_DROP:
	case FW_REJECT:
		note_drop(walk, &walk->fw->chains[rule->chain], rule, match);
		ends->dropped = most(ends->dropped, match);
		return none;
	case FW_RETURN:
		ends->left = most(ends->left, match);
		return none;
	case FW_JUMP:
		return enter(walk, rule, match, depth, ends);
	case FW_GOTO:
		ends->left = most(ends->left, enter(walk, rule, match, depth, ends).left);
		return none;
	default:
		return (struct passed){ match, true };
	}
}

/* `reach` came to the rule, which matched this part. A rule that only logs keeps none back. */
static enum fw_match reach_next(enum fw_match reach, enum fw_match matched, struct passed passed)
{
	if (passed.all)
		return reach;
	return matched == FW_ALL ? passed.left : FW_SOME;
}

static struct ends follow(struct fw_walk *walk, const struct fw_chain *chain, enum fw_match reach,
			  unsigned int depth)
{
	struct ends ends = { FW_NEVER, FW_NEVER, FW_NEVER };
	const enum fw_match entered = reach;
	__u32 at = chain->first;

	for (; at != FW_NONE && reach != FW_NEVER; at = walk->fw->rules[at].next) {
		const struct fw_rule *rule = &walk->fw->rules[at];
		enum fw_match matched = fw_rule_matches(walk->fw, rule, &walk->packet);
		struct passed passed;

		if (++walk->steps > MAX_STEPS) {
			walk->unsure = true;
			break;
		}
		if (matched == FW_NEVER)
			continue;
		visit(walk, rule, least(matched, reach));
		passed = obey(walk, rule, least(matched, reach), depth, &ends);
		reach = reach_next(reach, matched, passed);
	}
	ends.left = most(ends.left, reach);
	/* What returned and what came to the end is all of it together. */
	if (ends.accepted == FW_NEVER && ends.dropped == FW_NEVER)
		ends.left = entered;
	return ends;
}

/* ---- hooks -------------------------------------------------------------- */

static bool sees_family(const struct fw_chain *chain, __u8 family)
{
	switch (chain->family) {
	case NFPROTO_INET:
	case NFPROTO_NETDEV:
		return true;
	case NFPROTO_IPV4:
		return family == AF_INET;
	case NFPROTO_IPV6:
		return family == AF_INET6;
	default:
		return false;
	}
}

static bool sees_device(const struct fw_chain *chain, const struct fw_packet *packet)
{
	const char *name = (const char *)packet->fields[FW_IIF].value;

	if (chain->hook != FW_INGRESS || !*chain->devices[0])
		return true;
	for (size_t i = 0; i < FW_DEVICES && *chain->devices[i]; i++)
		if (!strncmp(chain->devices[i], name, IF_NAMESIZE))
			return true;
	return false;
}

static bool is_met(const struct fw_walk *walk, const struct fw_chain *chain, enum fw_hook hook)
{
	return chain->hook == hook && sees_family(chain, walk->packet.family) &&
	       sees_device(chain, &walk->packet);
}

/* The base chains of the hook by priority. */
static size_t sorted_bases(struct fw_walk *walk, enum fw_hook hook, const struct fw_chain **bases)
{
	size_t n = 0;

	for (size_t i = 0; i < walk->fw->n_chains; i++) {
		const struct fw_chain *chain = &walk->fw->chains[i];
		size_t at = n;

		if (!is_met(walk, chain, hook))
			continue;
		if (n == MAX_BASES) {
			walk->unsure = true;
			break;
		}
		for (; at && bases[at - 1]->priority > chain->priority; at--)
			bases[at] = bases[at - 1];
		bases[at] = chain;
		n++;
	}
	return n;
}

/* Rules of nat chains see the first packet of a flow only. */
static bool is_later_packet(const struct fw_packet *packet)
{
	return fw_known_value(packet, FW_CTSTATE) & FW_STATE_ESTABLISHED;
}

void fw_walk_hook(struct fw_walk *walk, enum fw_hook hook)
{
	const struct fw_chain *bases[MAX_BASES];
	const size_t n = sorted_bases(walk, hook, bases);

	for (size_t i = 0; i < n && walk->dropped != FW_ALL; i++) {
		struct ends ends;

		if (bases[i]->nat && is_later_packet(&walk->packet))
			continue;
		ends = follow(walk, bases[i], FW_ALL, 0);
		if (bases[i]->drops)
			note_drop(walk, bases[i], NULL, ends.left);
	}
}
