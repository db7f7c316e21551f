// SPDX-License-Identifier: LGPL-2.1-or-later
/* What CIM_Error has besides MSFT_SMExtendedStatus, by return value and SMErrorCode. */
#include <errno.h>

#include "replica-private.h"

/* Severities, in the order of CIM. */
enum severity {
	WARNING = 3,
	MINOR,
	MAJOR,
};

static const char *const severities[] = {
	[WARNING] = "Degraded/Warning",
	[MINOR] = "Minor",
	[MAJOR] = "Major",
};

/* The first line that fits counts; a code of -1 is any. */
static const struct {
	int ret;
	int sm_code;
	enum severity severity;
	unsigned int type;
	const char *type_name;
	unsigned int cause;
	const char *cause_name;
} lines[] = {
#define SOFTWARE	4, "Software Error"
#define HARDWARE	5, "Hardware Error"
#define SECURITY	7, "Security Error"
#define OVERSUBSCRIBED	8, "Oversubscription Error"
#define UNAVAILABLE	9, "Unavailable Resource Error"
#define UNSUPPORTED	10, "Unsupported Operation Error"
#define NOT_KNOWN	0, "Unknown"
#define NOT_READY	57, "Underlying Resource Unavailable"
	{ REPLICA_NOT_SUPPORTED, EPROTONOSUPPORT, MINOR, UNSUPPORTED, 58, "Version Mismatch" },
	{ REPLICA_NOT_SUPPORTED, ENOENT, MINOR, UNAVAILABLE, NOT_READY },
	{ REPLICA_NOT_SUPPORTED, -1, MINOR, UNSUPPORTED, NOT_KNOWN },
	{ REPLICA_TIMEOUT, -1, WARNING, 3, "Quality of Service Error",
	  45, "Response Time Excessive" },
	{ REPLICA_FAILED, REPLICA_SM_IN_USE, MINOR, UNAVAILABLE, NOT_READY },
	{ REPLICA_FAILED, EIO, MAJOR, HARDWARE, 24, "I/O Device Error" },
	{ REPLICA_FAILED, EREMOTEIO, MAJOR, HARDWARE, 24, "I/O Device Error" },
	{ REPLICA_FAILED, -1, MINOR, SOFTWARE, NOT_KNOWN },
	{ REPLICA_INVALID_PARAMETER, -1, MINOR, SOFTWARE,
	  8, "Configuration/Customization Error" },
	{ REPLICA_NOT_FOUND, -1, MINOR, UNAVAILABLE, NOT_READY },
	{ REPLICA_ACCESS_DENIED, -1, MINOR, SECURITY, NOT_KNOWN },
	{ REPLICA_NO_RESOURCES, ENOMEM, MINOR, OVERSUBSCRIBED, 33, "Out of Memory" },
	{ REPLICA_NO_RESOURCES, ENOSPC, MINOR, OVERSUBSCRIBED, 50, "Storage Capacity Problem" },
	{ REPLICA_NO_RESOURCES, -1, MINOR, OVERSUBSCRIBED,
	  44, "Resource at or Nearing Capacity" },
	{ REPLICA_CACHE_OUT_OF_DATE, -1, WARNING, SOFTWARE, NOT_KNOWN },
};

EXPORT void replica_error_cim(int ret, int sm_code, struct replica_cim_error *cim)
{
	*cim = (struct replica_cim_error){
		.type = 0, .type_name = "Unknown",
		.severity = MINOR, .severity_name = severities[MINOR],
		.cause = 0, .cause_name = "Unknown",
	};
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (lines[i].ret != ret || (lines[i].sm_code >= 0 && lines[i].sm_code != sm_code))
			continue;
		*cim = (struct replica_cim_error){
			lines[i].type, lines[i].severity, lines[i].cause,
			lines[i].type_name, severities[lines[i].severity],
			lines[i].cause_name,
		};
		return;
	}
}
