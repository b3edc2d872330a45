// UDP over loopback: addresses, boundaries, errors from the other end, IPv6.
// also: --network host
#include "case.h"
#include <arpa/inet.h>
#include <netinet/in.h>

int main(void) {
    struct sockaddr_in address = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}}, from;
    socklen_t length = sizeof address;
    char text[100];
    int one = NEED(socket(AF_INET, SOCK_DGRAM, 0)), two = NEED(socket(AF_INET, SOCK_DGRAM, 0));
    SHOW(bind(one, (void *)&address, length));
    NEED(getsockname(one, (void *)&address, &length));
    SHOW(send(two, "x", 1, 0));
    SHOW(sendto(two, "first", 5, 0, (void *)&address, length));
    SHOW(sendto(two, "second", 6, 0, (void *)&address, length));
    SHOW(sendto(two, "", 0, 0, (void *)&address, length));
    SHOW(recvfrom(one, text, 3, 0, (void *)&from, &length));
    SHOW(recv(one, text, 100, MSG_PEEK));
    SHOW(recv(one, text, 3, MSG_TRUNC));
    SHOW(recv(one, text, 100, 0));
    SHOW(recv(one, text, 100, MSG_DONTWAIT));
    SHOW(sendto(one, "reply", 5, 0, (void *)&from, length));
    SHOW(recv(two, text, 100, 0));
    SHOW(connect(two, (void *)&address, length));
    SHOW(send(two, "connected", 9, 0));
    SHOW(recv(one, text, 100, 0));
    static char big[70000];
    SHOW(send(two, big, sizeof big, 0));
    SHOW(send(two, big, 65507, 0));
    SHOW(recv(one, big, sizeof big, 0));
    close(one);
    SHOW(send(two, "nobody", 6, 0));
    poll(&(struct pollfd){two, POLLIN}, 1, 10000);
    SHOW(recv(two, text, 100, MSG_DONTWAIT));
    SHOW(recv(two, text, 100, MSG_DONTWAIT));
    SHOW(shutdown(two, SHUT_RD));
    SHOW(recv(two, text, 100, 0));
    SHOW(listen(two, 1));
    struct mmsghdr messages[3];
    struct iovec vectors[3] = {{"a", 1}, {"bb", 2}, {"ccc", 3}};
    memset(messages, 0, sizeof messages);
    one = NEED(socket(AF_INET, SOCK_DGRAM, 0));
    NEED(bind(one, (void *)&address, length));
    int third = NEED(socket(AF_INET, SOCK_DGRAM, 0));
    NEED(connect(third, (void *)&address, length));
    for (int i = 0; i < 3; i++) messages[i].msg_hdr.msg_iov = &vectors[i], messages[i].msg_hdr.msg_iovlen = 1;
    SHOW(sendmmsg(third, messages, 3, 0));
    char rooms[3][10];
    for (int i = 0; i < 3; i++) vectors[i] = (struct iovec){rooms[i], 10};
    SHOW(recvmmsg(one, messages, 3, 0, NULL));
    printf("%u %u %u\n", messages[0].msg_len, messages[1].msg_len, messages[2].msg_len);
    SHOW(recvmmsg(one, messages, 3, MSG_DONTWAIT, NULL));
}
