// msgget(2), msgsnd(2), msgrcv(2), msgctl(2): order, types, lengths, errors, waiting.
#include "case.h"
#include <sys/msg.h>

static struct { long type; char text[9000]; } message;

static int snd(int id, long type, const char *text, int flags) {
    message.type = type;
    strcpy(message.text, text);
    return msgsnd(id, &message, strlen(text), flags);
}

static void rcv(int id, long type, size_t size, int flags) {
    memset(&message, 0, sizeof message);
    ssize_t length = msgrcv(id, &message, size, type, flags);
    if (length == -1)
        printf("type %ld: %s\n", type, errno_name(errno));
    else
        printf("type %ld: %zd of type %ld: %s\n", type, length, message.type, message.text);
}

int main(void) {
    int id = NEED(msgget(IPC_PRIVATE, IPC_CREAT | 0600));
    SHOW(msgget(0x7a617a02, 0600));
    int keyed = OK(msgget(0x7a617a02, IPC_CREAT | IPC_EXCL | 0600));
    SHOW(msgget(0x7a617a02, IPC_CREAT | IPC_EXCL | 0600));
    IS(msgget(0x7a617a02, 0600) == keyed);
    SHOW(snd(id, 3, "three", 0));
    SHOW(snd(id, 1, "one", 0));
    SHOW(snd(id, 2, "two", 0));
    SHOW(snd(id, 1, "one again", 0));
    SHOW(snd(id, 4, "", 0));
    SHOW(snd(id, 0, "zero", 0));
    SHOW(snd(id, -1, "minus", 0));
    SHOW(snd(-1, 1, "none", 0));
    message.type = 1;
    SHOW(msgsnd(id, &message, 8193, 0));
    SHOW(msgsnd(id, NULL, 3, 0));
    SHOW(msgrcv(id, &message, -1UL, 0, 0));
    rcv(id, 2, 100, 0);
    rcv(id, 9, 100, IPC_NOWAIT);
    rcv(id, 3, 100, MSG_EXCEPT);
    rcv(id, -3, 100, 0);
    rcv(id, 0, 2, 0);
    rcv(id, 0, 2, MSG_NOERROR);
    rcv(id, 0, 0, 0);
    rcv(id, 0, 100, IPC_NOWAIT);
    struct msqid_ds state;
    SHOW(msgctl(id, IPC_STAT, &state));
    printf("mode %o bytes max %ld messages %ld\n", state.msg_perm.mode, (long)state.msg_qbytes, (long)state.msg_qnum);
    IS(state.msg_lspid == getpid() && state.msg_lrpid == getpid());
    IS(state.msg_stime > 0 && state.msg_rtime > 0 && state.msg_ctime > 0);
    int count = 0;
    message.type = 1;
    while (msgsnd(id, &message, 4000, IPC_NOWAIT) == 0) count++;
    printf("%d fit: %s\n", count, errno_name(errno));
    state.msg_qbytes = 8000;
    SHOW(msgctl(id, IPC_SET, &state));
    // One waits for room, then one for a message.
    pid_t child = NEED(fork());
    if (child == 0) _exit(snd(id, 7, "late", 0) == 0 ? 0 : 1);
    for (int i = 0; i < count; i++) msgrcv(id, &message, sizeof message.text, 1, 0);
    reap("sender", child);
    rcv(id, 7, 100, 0);
    child = NEED(fork());
    if (child == 0) {
        rcv(id, 8, 100, 0);
        exit(0);
    }
    await_state(child, 'S');
    SHOW(snd(id, 9, "not wanted", 0));
    // The receiver prints what it got: then comes the result.
    int sent = snd(id, 8, "wanted", 0);
    reap("receiver", child);
    SHOW(sent);
    child = NEED(fork());
    if (child == 0) {
        rcv(id, 8, 100, 0);
        exit(0);
    }
    await_state(child, 'S');
    IN_CHILD("user", BECOME(1000); rcv(id, 9, 100, IPC_NOWAIT); SHOW(snd(id, 1, "x", 0)); SHOW(msgctl(id, IPC_RMID, NULL)); SHOW(msgctl(id, IPC_STAT, &state)));
    // The receiver prints that it is over.
    NEED(msgctl(id, IPC_RMID, NULL));
    reap("receiver", child);
    SHOW(snd(id, 1, "x", 0));
    SHOW(msgctl(keyed, IPC_RMID, NULL));
    SHOW(msgctl(keyed, 77, NULL));
}
