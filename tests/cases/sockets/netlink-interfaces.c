// The loopback interface, by ioctl and by getifaddrs (netdevice(7)).
#include "case.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

int main(void) {
    int fd = NEED(socket(AF_INET, SOCK_DGRAM, 0));
    struct ifreq request = {.ifr_name = "lo"};
    SHOW(ioctl(fd, SIOCGIFFLAGS, &request));
    IS(request.ifr_flags & IFF_UP && request.ifr_flags & IFF_LOOPBACK);
    SHOW(ioctl(fd, SIOCGIFMTU, &request));
    SHOW(request.ifr_mtu);
    SHOW(ioctl(fd, SIOCGIFINDEX, &request));
    SHOW(request.ifr_ifindex);
    SHOW(ioctl(fd, SIOCGIFADDR, &request));
    puts(inet_ntoa(((struct sockaddr_in *)&request.ifr_addr)->sin_addr));
    strcpy(request.ifr_name, "none0");
    SHOW(ioctl(fd, SIOCGIFFLAGS, &request));
    SHOW(if_nametoindex("lo"));
    char name[IF_NAMESIZE];
    puts(if_indextoname(1, name) ? name : errno_name(errno));
    struct ifaddrs *list;
    SHOW(getifaddrs(&list));
    int four = 0;
    for (struct ifaddrs *at = list; at; at = at->ifa_next)
        if (strcmp(at->ifa_name, "lo") == 0 && at->ifa_addr && at->ifa_addr->sa_family == AF_INET) four++;
    SHOW(four);
}
