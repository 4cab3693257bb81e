// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/uio.h>
#include <net/tcp.h>

#include "behind.h"

/*
 * tcp_sendmsg_locked() works off the backlog before the 17th segment of one call, and a SYN-ACK that is in there
 * must not meet the state that is pretended below. A segment has at least as many bytes as are left beside the
 * longest options.
 */
static u32 km_piece_max(const struct sock *sk)
{
	u32 segment = tcp_sk(sk)->mss_cache;

	return 15 * (segment > MAX_TCP_OPTION_SPACE + 8 ? segment - MAX_TCP_OPTION_SPACE : 8);
}

static int km_queue_piece(struct sock *sk, u8 *text, u32 len, int flags)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL | flags };
	struct kvec part = { .iov_base = text, .iov_len = len };
	int queued;

	iov_iter_kvec(&msg.msg_iter, WRITE, &part, 1, len);
	queued = tcp_sendmsg_locked(sk, &msg, len);
	if (queued < 0)
		return queued;
	return queued == len ? 0 : -ENOBUFS;
}

static int km_queue_pieces(struct sock *sk, u8 *text, u32 len)
{
	u32 max = km_piece_max(sk);
	int err = 0;

	while (len && !err) {
		u32 piece = min(len, max);

		len -= piece;
		err = km_queue_piece(sk, text, piece, len ? MSG_MORE : 0);
		text += piece;
	}
	return err;
}

/*
 * tcp_sendmsg_locked() would wait in TCP_SYN_SENT, so it sees TCP_ESTABLISHED for the while. It sends nothing then,
 * because the peer's window is still 0 (tcp_connect_init). The socket stays locked: packets go to the backlog.
 * The send buffer's limit is the client's matter, and these bytes have been accepted already; head_max is theirs.
 */
int km_queue_behind(struct sock *sk, u8 *text, u32 len)
{
	int sndbuf = sk->sk_sndbuf;
	int err;

	WRITE_ONCE(sk->sk_sndbuf, INT_MAX);
	if (sk->sk_state == TCP_SYN_SENT) {
		WRITE_ONCE(sk->sk_state, TCP_ESTABLISHED);
		err = km_queue_pieces(sk, text, len);
		WRITE_ONCE(sk->sk_state, TCP_SYN_SENT);
	} else {
		err = km_queue_pieces(sk, text, len);
	}
	WRITE_ONCE(sk->sk_sndbuf, sndbuf);
	return err;
}
