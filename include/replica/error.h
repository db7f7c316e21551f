/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an error tells; part of libreplica.h, which says what holds for all of it.
 */
#ifndef _REPLICA_ERROR_H
#define _REPLICA_ERROR_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

enum replica_error_source {		/* SMErrorSource */
	REPLICA_SOURCE_UNKNOWN = 0,
	REPLICA_SOURCE_LIBRARY = 1,	/* refused before the kernel was asked */
	REPLICA_SOURCE_KERNEL = 2,	/* refused by the kernel */
};

/*
 * The properties of MSFT_SMExtendedStatus.  Description is one sentence for
 * people.  Operation is the function at work, "CreateReplica" or
 * "SetReplicationRelationship:Resync".  ParameterInfo is the parameter at
 * fault, NULL when none is.  SMMessage is the text of device-mapper or of the
 * netlink extended acknowledgment, SMDetails what may help to find the cause.
 */
const char *replica_error_description(const struct replica_error *err);
const char *replica_error_operation(const struct replica_error *err);
const char *replica_error_parameter_info(const struct replica_error *err);
const char *replica_error_provider_name(const struct replica_error *err);
int replica_error_status_code(const struct replica_error *err);
int replica_error_sm_source(const struct replica_error *err);
int replica_error_sm_code(const struct replica_error *err);
const char *replica_error_sm_message(const struct replica_error *err);
const char *replica_error_sm_details(const struct replica_error *err);

/* What CIM_Error has besides, each as its number and its name; the names are constants. */
struct replica_cim_error {
	unsigned int type;		/* ErrorType */
	unsigned int severity;		/* PerceivedSeverity */
	unsigned int cause;		/* ProbableCause */
	const char *type_name;
	const char *severity_name;
	const char *cause_name;
};

/* For a return value with an SMErrorCode. */
void replica_error_cim(int ret, int sm_code, struct replica_cim_error *cim);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_ERROR_H */
