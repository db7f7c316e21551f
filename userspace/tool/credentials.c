// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads a user name and a password.  Whatever holds the password is in fixed buffers that
 * are wiped, and no sentence ever shows it.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "credentials.h"
#include "report.h"

#define FILE_MAX_LEN	1024

void credentials_wipe(struct credentials *credentials)
{
	explicit_bzero(credentials, sizeof(*credentials));
}

/* ---- The file ---- */

/* NULL, or what is wrong with it. */
static const char *file_fault(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is not a regular file";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs to another user, and must belong to root";
	if (st->st_mode & 0077)
		return "can be used by others than its owner, and must have mode 0600";
	if (st->st_size >= FILE_MAX_LEN)
		return "is longer than the 1023 bytes that a name and a password take";
	return NULL;
}

/* The text behind "key=", if the line begins so. */
static const char *value_of(const char *line, const char *key)
{
	size_t len = strlen(key);

	return strncmp(line, key, len) == 0 && line[len] == '=' ? line + len + 1 : NULL;
}

/* False for a line that is none, or a value that is empty, too long or given twice. */
static bool take_line(struct credentials *c, const char *line)
{
	const char *user = value_of(line, "username"), *password = value_of(line, "password");
	const char *value = user ? user : password;
	char *to = user ? c->username : c->password;

	if (!*line || *line == '#')
		return true;
	if (!value || !*value || *to || strlen(value) >= CREDENTIAL_LEN)
		return false;
	strcpy(to, value);
	return true;
}

/* 0, or the number of the line that is wrong; text is taken apart. */
static unsigned int take_lines(struct credentials *c, char *text)
{
	unsigned int number = 1;
	char *line;

	for (; (line = strsep(&text, "\n")); number++)
		if (!take_line(c, line))
			return number;
	return 0;
}

static int take_text(struct cli *cli, const char *file, char *text,
		     struct credentials *credentials)
{
	unsigned int number = take_lines(credentials, text);

	if (number)
		return report_refusal(cli, REPLICA_INVALID_PARAMETER, EINVAL, "credentials",
				      "line %u of %s is neither 'username=...' nor 'password=...', each once and of up to %u bytes",
				      number, file, CREDENTIAL_LEN - 1);
	if (!*credentials->username || !*credentials->password)
		return report_refusal(cli, REPLICA_INVALID_PARAMETER, EINVAL, "credentials",
				      "%s has no line '%s=...'", file,
				      *credentials->username ? "password" : "username");
	return 0;
}

/* The file is looked at after it was opened, so that it cannot be exchanged between. */
static int read_file(struct cli *cli, const char *file, struct credentials *credentials)
{
	char text[FILE_MAX_LEN] = "";
	const char *fault = NULL;
	struct stat st;
	ssize_t len = -1;
	int status, fd;

	fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &st) == 0)
		fault = file_fault(&st);
	if (fd >= 0 && !fault)
		len = read(fd, text, sizeof(text) - 1);
	if (fd < 0 || (!fault && len < 0)) {
		status = report_refusal(cli, replica_return_from_errno(errno), errno,
					"credentials", "%s cannot be read: %s", file,
					strerror(errno));
	} else if (fault) {
		status = report_refusal(cli, REPLICA_INVALID_PARAMETER, EINVAL, "credentials",
					"%s %s", file, fault);
	} else {
		text[len] = '\0';
		status = take_text(cli, file, text, credentials);
	}
	if (fd >= 0)
		close(fd);
	explicit_bzero(text, sizeof(text));
	return status;
}

/* ---- The terminal ---- */

/* One line without its end; false when there is none, it is too long, or was broken off. */
static bool read_line(FILE *tty, char line[CREDENTIAL_LEN])
{
	char *end;

	if (!fgets(line, CREDENTIAL_LEN, tty))
		return false;
	end = strchr(line, '\n');
	if (!end)
		return false;
	*end = '\0';
	for (end = line; *end; end++)
		if (iscntrl((unsigned char)*end))
			return false;
	return *line;
}

static bool ask_line(FILE *tty, const char *prompt, bool echo, char line[CREDENTIAL_LEN])
{
	struct termios before, quiet;
	bool ok;

	if (tcgetattr(fileno(tty), &before))
		return false;
	quiet = before;
	/* A signal would leave the terminal without echo: Ctrl-C is a character meanwhile. */
	quiet.c_lflag &= ~(ECHO | ISIG);
	fputs(prompt, tty);
	fflush(tty);
	if (!echo && tcsetattr(fileno(tty), TCSAFLUSH, &quiet))
		return false;
	ok = read_line(tty, line);
	if (echo)
		return ok;
	tcsetattr(fileno(tty), TCSAFLUSH, &before);
	fputs("\n", tty);
	return ok;
}

static int ask_terminal(struct cli *cli, struct credentials *credentials)
{
	FILE *tty = fopen("/dev/tty", "r+e");
	bool ok;

	if (!tty)
		return report_refusal(cli, REPLICA_INVALID_PARAMETER, ENOTTY, "ask-credentials",
				      "there is no terminal to ask for the credentials on; use '--credentials FILE'");
	setvbuf(tty, NULL, _IONBF, 0);
	ok = ask_line(tty, "User name: ", true, credentials->username) &&
	     ask_line(tty, "Password: ", false, credentials->password);
	fclose(tty);
	if (ok)
		return 0;
	return report_refusal(cli, REPLICA_INVALID_PARAMETER, EINVAL, "ask-credentials",
			      "no user name or no password of up to %u bytes was given",
			      CREDENTIAL_LEN - 2);
}

int credentials_read(struct cli *cli, const char *file, bool asks,
		     struct credentials *credentials)
{
	memset(credentials, 0, sizeof(*credentials));
	if (file && asks)
		return report_usage(cli, "ask-credentials",
				    "'--credentials' and '--ask-credentials' exclude each other");
	if (file)
		return read_file(cli, file, credentials);
	return asks ? ask_terminal(cli, credentials) : 0;
}
