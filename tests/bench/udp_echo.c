// The floor of any UDP responder on a machine: takes a batch, sets QR and AA, sends the batch back.
//
//   udp_echo PORT [BATCH]
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { batch_max = 64, slot_bytes = 2048 };

static unsigned char buffers[batch_max][slot_bytes];
static struct sockaddr_in sources[batch_max];
static struct iovec slots[batch_max];
static struct mmsghdr messages[batch_max];

int main(int argc, char** argv) {
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const int receive_buffer_bytes = 4 << 20;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1]))};
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int batch = argc > 2 ? atoi(argv[2]) : batch_max;
    if (batch < 1 || batch > batch_max) batch = batch_max;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    if (bind(fd, (struct sockaddr*)&own, sizeof own) != 0) {
        perror("udp_echo");
        return 1;
    }
    for (;;) {
        for (int i = 0; i < batch; ++i) {
            slots[i] = (struct iovec){buffers[i], slot_bytes};
            messages[i].msg_hdr = (struct msghdr){.msg_name = &sources[i],
                                                  .msg_namelen = sizeof sources[i],
                                                  .msg_iov = &slots[i],
                                                  .msg_iovlen = 1};
        }
        const int n = recvmmsg(fd, messages, (unsigned)batch, MSG_WAITFORONE, NULL);
        for (int i = 0; i < n; ++i) {
            slots[i].iov_len = messages[i].msg_len;
            buffers[i][2] |= 0x84;
        }
        if (n > 0) sendmmsg(fd, messages, (unsigned)n, 0);
    }
}
