// Program files that are no program for this machine (elf(5)).
#include "case.h"
#include <elf.h>

static unsigned char image[16384];

static void attempt(const char *what, size_t size) {
    int fd = NEED(open("program", O_WRONLY | O_CREAT | O_TRUNC, 0755));
    NEED(write(fd, image, size));
    close(fd);
    pid_t child = NEED(fork());
    if (child == 0) {
        execl("./program", "program", NULL);
        printf("%s: %s\n", what, errno_name(errno));
        _exit(0);
    }
    reap(what, child);
}

int main(void) {
    Elf64_Ehdr *header = (Elf64_Ehdr *)image;
    Elf64_Phdr *program = (Elf64_Phdr *)(image + sizeof *header);
    // A static program of one segment: mov $60,%eax; mov $9,%edi; syscall.
    static const unsigned char code[] = {0xb8, 60, 0, 0, 0, 0xbf, 9, 0, 0, 0, 0x0f, 0x05};
    memcpy(header->e_ident, "\177ELF\2\1\1", 7);
    header->e_type = ET_EXEC;
    header->e_machine = EM_X86_64;
    header->e_version = 1;
    header->e_entry = 0x400000 + 4096;
    header->e_phoff = sizeof *header;
    header->e_ehsize = sizeof *header;
    header->e_phentsize = sizeof *program;
    header->e_phnum = 1;
    *program = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0, 0x400000, 0x400000, 8192, 8192, 4096};
    memcpy(image + 4096, code, sizeof code);
    attempt("good", 8192);

    header->e_machine = EM_AARCH64;
    attempt("other machine", 8192);
    header->e_machine = EM_X86_64;
    header->e_type = ET_REL;
    attempt("object file", 8192);
    header->e_type = ET_CORE;
    attempt("core file", 8192);
    header->e_type = ET_EXEC;
    header->e_phentsize = 12;
    attempt("size of a program header", 8192);
    header->e_phentsize = sizeof *program;
    header->e_phnum = 0;
    attempt("no program headers", 8192);
    header->e_phnum = 2000;
    attempt("too many program headers", 8192);
    header->e_phnum = 1;
    header->e_phoff = 1 << 20;
    attempt("program headers beyond the end", 8192);
    header->e_phoff = sizeof *header;
    attempt("header cut off", 40);
    attempt("program header cut off", 80);
    header->e_entry = 0x700000;
    attempt("entry outside", 8192);
    header->e_entry = 0x400000 + 4096;
    program->p_filesz = 8192, program->p_memsz = 4096;
    attempt("more in the file than in memory", 8192);
    program->p_memsz = 8192;
    program->p_offset = 100;
    attempt("offset not aligned with the address", 8192);
    program->p_offset = 0;
    program->p_vaddr = 0xffff800000000000;
    attempt("address of the kernel", 8192);
    program->p_vaddr = 0x400000;
    program->p_flags = PF_R;
    attempt("entry not executable", 8192);
    program->p_flags = PF_R | PF_X;
    program[1] = (Elf64_Phdr){PT_INTERP, PF_R, 3000, 0, 0, 10, 10, 1};
    header->e_phnum = 2;
    strcpy((char *)image + 3000, "/missing/");
    attempt("interpreter missing", 8192);
    memcpy(image + 3000, "0123456789", 11);
    attempt("interpreter not terminated", 8192);
    program[1].p_filesz = 1;
    attempt("interpreter of one byte", 8192);
    program[1].p_filesz = 10;
    strcpy((char *)image + 3000, "/dev/null");
    attempt("interpreter no file", 8192);
}
