/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * buildRequest BASE < HEAD > RECORD
 *
 * What kmesh.ko would publish of the head: struct km_request, then the bytes that
 * it points to as if they lay at BASE, an address of a multiple of 8 ("0x..." or
 * decimal). Of a head that is not complete there is the record alone, with its
 * verdict; a head that ends early is KM_HEAD_CUT.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "http1_head.h"
#include "request_build.h"

/* The most that the module takes, head_max. */
#define HEAD_MAX 65536

static u64 base_of(const char *word)
{
	char *end;
	u64 base;

	errno = 0;
	base = strtoull(word, &end, 0);
	if (errno || *end || end == word || base % sizeof(u64)) {
		fprintf(stderr, "buildRequest: %s is no address of a multiple of 8\n", word);
		exit(2);
	}
	return base;
}

static void write_out(const void *from, size_t len)
{
	if (fwrite(from, 1, len, stdout) != len) {
		perror("buildRequest: write");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static u8 head[HEAD_MAX];
	static struct km_scan scan;
	struct km_request request;
	size_t room_len;
	u64 moved;
	u32 verdict;
	void *room;

	if (argc != 2) {
		fprintf(stderr, "usage: buildRequest BASE < HEAD > RECORD\n");
		return 2;
	}
	verdict = km_scan_feed(&scan, head, fread(head, 1, sizeof(head), stdin));
	if (verdict != KM_HEAD_COMPLETE) {
		km_request_init(&request, verdict ? verdict : KM_HEAD_CUT);
		write_out(&request, sizeof(request));
		return 0;
	}
	room_len = km_request_room(&scan);
	room = calloc(1, room_len);
	if (!room) {
		perror("buildRequest: calloc");
		return 1;
	}
	km_request_build(&request, room, head, &scan);
	moved = base_of(argv[1]) - (unsigned long)room;
	request.text += moved;
	request.headers += moved;
	request.params += moved;
	write_out(&request, sizeof(request));
	write_out(room, room_len);
	free(room);
	return 0;
}
