// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <net/tcp.h>
/* Not whole in itself on 5.10, so behind the one above. */
#include <net/inet_common.h>

#include "compat/socket.h"
#include "decide.h"
#include "publish.h"
#include "record.h"

/*
 * The hooks run a second time in here, on the address that the client gave, and find the request by the socket's
 * cookie. The mark stays: it keeps the socket from being taken over again. LSMs were asked at connect(), and as with
 * every steered connection do not see the endpoint.
 *
 * Our operations stay, too, and pass on what this connect() asks of them. The timer has no hold of the file, so a close()
 * may read its operation at any moment, without the lock: TCP's would end a socket that is still held.
 */
static int km_connect_really(struct km_held *held, const struct km_request *request)
{
	struct sockaddr_storage address = held->address; /* the hooks write into it */
	struct sock *sk = held->sk;
	int err;

	km_set_defer_connect(sk, false);
	/* Else tcp_v4_connect() would defer it once more; MSG_FASTOPEN is the way to send data with the SYN. */
	tcp_sk(sk)->fastopen_connect = 0;
	/* Not tcp_set_state(): it would give up the port that the client has bound. */
	WRITE_ONCE(sk->sk_state, TCP_CLOSE);
	sk->sk_socket->state = SS_UNCONNECTED;
	held->phase = KM_DECIDING;
	km_publish(sk, request);
	err = __inet_stream_connect(sk->sk_socket, (km_sockaddr *)&address, held->address_len, O_NONBLOCK, 0);
	km_withdraw(sk);
	return err == -EINPROGRESS ? 0 : err;
}

bool km_decide(struct km_held *held, int verdict)
{
	const struct km_request *request = km_request_make(&held->collect, verdict);
	int err = km_connect_really(held, request);

	km_request_free(request);
	if (err)
		km_fail(held, err);
	return !err;
}

/* As tcp_done() leaves a connection that was refused: the next call gets the error, and a new connect() works after it. */
void km_fail(struct km_held *held, int err)
{
	struct sock *sk = held->sk;

	WRITE_ONCE(sk->sk_err, -err);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	sk->sk_socket->state = SS_CONNECTING;
	km_let_go(held);
	sk->sk_error_report(sk);
	sk->sk_state_change(sk);
}
