/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REPLICACTL_SUGGEST_H
#define REPLICACTL_SUGGEST_H

/* Keeps the candidate nearest to a misspelled word. */
struct suggestion {
	const char *word;
	const char *best;	/* NULL: nothing is near */
	unsigned int distance;
};

void suggest_start(struct suggestion *suggestion, const char *word);
/* @candidate must live as long as the suggestion. */
void suggest_offer(struct suggestion *suggestion, const char *candidate);

#endif /* REPLICACTL_SUGGEST_H */
