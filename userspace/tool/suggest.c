// SPDX-License-Identifier: GPL-2.0-or-later
/* Finds what a misspelled word was meant to be. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "suggest.h"

#define WORD_MAX 40

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/*
 * Letters to insert, remove, replace or swap with their neighbour to make a
 * from b, by rows of the usual matrix; three rows are kept.
 */
static unsigned int edit_distance(const char *a, const char *b)
{
	unsigned int rows[3][WORD_MAX + 1] = { 0 };
	size_t la = strlen(a), lb = strlen(b), i, j;

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (i = 1; i <= la; i++) {
		unsigned int *row = rows[i % 3], *last = rows[(i + 2) % 3];
		unsigned int *before = rows[(i + 1) % 3];

		row[0] = i;
		for (j = 1; j <= lb; j++) {
			row[j] = least(least(row[j - 1], last[j]) + 1,
				       last[j - 1] + !same_letter(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
			    same_letter(a[i - 2], b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return rows[la % 3][lb];
}

void suggest_start(struct suggestion *suggestion, const char *word)
{
	suggestion->word = word;
	suggestion->best = NULL;
	/* A third of the letters may be wrong, and one in a short word. */
	suggestion->distance = 2 + strlen(word) / 4;
}

void suggest_offer(struct suggestion *suggestion, const char *candidate)
{
	size_t len = strlen(suggestion->word);
	unsigned int distance = edit_distance(suggestion->word, candidate);

	/* The beginning of a word stands for the word. */
	if (len > 1 && !strncasecmp(suggestion->word, candidate, len))
		distance = 1;
	if (distance < suggestion->distance && distance < strlen(candidate)) {
		suggestion->distance = distance;
		suggestion->best = candidate;
	}
}
