# The stub: the only code of ours in an application's host process.
#
# A thread of the application is either in the application's code, or here, where it reports what
# happened, waits for commands and carries them out. Nothing here touches the extended state (x87,
# SSE, AVX ...), which therefore stays the application's in the registers, unless a command says so.
# Handlers do not return: they copy the registers out of the signal frame and leave it.
#
# %rbx is the context page of the thread throughout.

.section .blob, "ax"

header:
    .quad start
    .quad on_syscall
    .quad on_fault
    .quad on_interrupt
    .quad restorer
    .quad fast_entry
    .quad end

# Finds the context page: the signal stack is in the same, aligned slot.
.macro find_page
    mov %rsp, %rbx
    and $-SLOT_SIZE, %rbx
    # An application may have left the nested-task or alignment-check flag on, which iretq and
    # unaligned words in frames do not like.
    pushq $2
    popfq
.endm

# Copies the registers from the signal frame (%rdx: ucontext).
.macro save_registers
    .irp register, R8, R9, R10, R11, R12, R13, R14, R15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP, RIP, RFLAGS
    mov UC_\register(%rdx), %rax
    mov %rax, \register(%rbx)
    .endr
    mov UC_RAX(%rdx), %rax
    mov %rax, ORIG_RAX(%rbx)
    movq $NOWHERE, FAST_RIP(%rbx)
    testl $FLAG_FSGSBASE, FLAGS(%rbx)
    jz 1f
    rdfsbase %rax
    mov %rax, FS_BASE(%rbx)
    # A base of 0 is not loaded as such: see resume.
    rdgsbase %rax
    xor %ecx, %ecx
    cmp %rbx, %rax
    cmove %rcx, %rax
    mov %rax, GS_BASE(%rbx)
1:
.endm

# Loads the extended state, which the host reset, from the signal frame (%rdx: ucontext).
.macro restore_extended_state
    mov UC_FPSTATE(%rdx), %rcx
    mov SW_XFEATURES(%rcx), %eax
    mov SW_XFEATURES+4(%rcx), %edx
    xrstor64 (%rcx)
.endm

# Sets the carry flag if the interrupted instruction (%rdx: ucontext) is between two labels.
.macro interrupted_between from, to
    mov UC_RIP(%rdx), %rax
    lea \from(%rip), %rcx
    sub %rcx, %rax
    cmp $(\to - \from), %rax
.endm

# SIGSYS: %rsi siginfo, %rdx ucontext.
on_syscall:
    find_page
    cmpl $SYS_SECCOMP, SI_CODE(%rsi)
    jne sent_from_outside
    interrupted_between header, end
    jb corrupted
    save_registers
    mov $REPORT_SYSCALL, %r12d
    mov $REPORT_FOREIGN, %eax
    cmpl $AUDIT_ARCH_X86_64, SI_ARCH(%rsi)
    cmovne %eax, %r12d
    restore_extended_state
    lea SLOT_SIZE(%rbx), %rsp
    mov %r12d, %eax
    cmp $REPORT_SYSCALL, %eax
    jne report
    mov ORIG_RAX(%rbx), %rax
    mov %rax, CALL(%rbx)
    mov RDI(%rbx), %rax
    mov %rax, CALL+8(%rbx)
    mov RSI(%rbx), %rax
    mov %rax, CALL+16(%rbx)
    mov RDX(%rbx), %rax
    mov %rax, CALL+24(%rbx)
    mov R10(%rbx), %rax
    mov %rax, CALL+32(%rbx)
    mov R8(%rbx), %rax
    mov %rax, CALL+40(%rbx)
    mov R9(%rbx), %rax
    mov %rax, CALL+48(%rbx)
    jmp fetch_arguments

# SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP: %edi signal, %rsi siginfo, %rdx ucontext.
on_fault:
    find_page
    # Raised by the processor, these have a positive code.
    cmpl $0, SI_CODE(%rsi)
    jle sent_from_outside
    interrupted_between header, end
    jb fault_in_stub
    save_registers
    mov %rdi, FAULT(%rbx)
    movslq SI_CODE(%rsi), %rax
    mov %rax, FAULT+8(%rbx)
    mov SI_ADDR(%rsi), %rax
    mov %rax, FAULT+16(%rbx)
    mov UC_TRAPNO(%rdx), %rax
    mov %rax, FAULT+24(%rbx)
    mov UC_ERR(%rdx), %rax
    mov %rax, FAULT+32(%rbx)
    mov UC_CR2(%rdx), %rax
    mov %rax, FAULT+40(%rbx)
    restore_extended_state
    mov $REPORT_FAULT, %eax
    jmp report

fault_in_stub:
    interrupted_between fast_entry, fast_entry_checked
    jb trap_in_fast_entry
    interrupted_between fetch, fetch_end
    jb fault_in_fetch
    interrupted_between store, store_end
    jb fault_in_store
    interrupted_between may_fault, may_fault_end
    jae corrupted
    restore_extended_state
    movq $-EFAULT, RESULT(%rbx)
    mov $REPORT_DONE, %eax
    jmp report

# What could not be fetched the kernel will ask for itself.
fault_in_fetch:
    restore_extended_state
    movq $0, FETCHED+8(%rbx)
    movq $0, FETCHED+24(%rbx)
    mov %r12d, %eax
    jmp report

fault_in_store:
    restore_extended_state
    mov $REPORT_UNSTORED, %eax
    jmp report

# A call by a trampoline that did not find the page becomes what a trap is.
trap_in_fast_entry:
    save_registers
    mov RCX(%rbx), %rax
    mov %rax, RIP(%rbx)
    mov RFLAGS(%rbx), %rax
    mov %rax, R11(%rbx)
    restore_extended_state
    movq $0, FETCHED+8(%rbx)
    movq $0, FETCHED+24(%rbx)
    mov $REPORT_SYSCALL, %eax
    jmp report

corrupted:
    mov $REPORT_CORRUPTED, %eax
    jmp report

# The interrupt signal, and signals from outside the sandbox: %rdx ucontext.
on_interrupt:
    find_page
sent_from_outside:
    interrupted_between header, end
    jb interrupt_in_stub
    save_registers
    restore_extended_state
    mov $REPORT_INTERRUPTED, %eax
    jmp report

interrupt_in_stub:
    # On the way out only registers are loaded, from the page: the page still has them all.
    interrupted_between resume, resume_end
    jb interrupt_on_the_way_out
    movl $1, INTERRUPTED(%rbx)
    ret
interrupt_on_the_way_out:
    restore_extended_state
    jmp interrupted

restorer:
    mov $SYS_RT_SIGRETURN, %eax
    syscall
    hlt

.macro load_registers
    mov R15(%rbx), %r15
    mov R14(%rbx), %r14
    mov R13(%rbx), %r13
    mov R12(%rbx), %r12
    mov RBP(%rbx), %rbp
    mov R11(%rbx), %r11
    mov R10(%rbx), %r10
    mov R9(%rbx), %r9
    mov R8(%rbx), %r8
    mov RAX(%rbx), %rax
    mov RCX(%rbx), %rcx
    mov RDX(%rbx), %rdx
    mov RSI(%rbx), %rsi
    mov RDI(%rbx), %rdi
.endm

# A trampoline leads here: %rcx is where the call returns to as the application knows it, %r11 where
# in truth. All else is the application's, its stack below the pointer included.
fast_entry:
    # Faults where the application uses %gs itself.
    mov %rsp, %gs:RSP
fast_entry_checked:
    mov %r11, %gs:FAST_TARGET
    mov %rbx, %gs:RBX
    mov %gs:OWN_ADDRESS, %rbx
    lea SLOT_SIZE(%rbx), %rsp
    pushfq
    popq %r11
    mov %r11, RFLAGS(%rbx)
    mov %r11, R11(%rbx)
    mov %rcx, RCX(%rbx)
    mov %rcx, RIP(%rbx)
    mov %rcx, FAST_RIP(%rbx)
    mov %rax, ORIG_RAX(%rbx)
    mov %rax, RAX(%rbx)
    mov %rax, CALL(%rbx)
    mov %r15, R15(%rbx)
    mov %r14, R14(%rbx)
    mov %r13, R13(%rbx)
    mov %r12, R12(%rbx)
    mov %rbp, RBP(%rbx)
    mov %rdi, RDI(%rbx)
    mov %rdi, CALL+8(%rbx)
    mov %rsi, RSI(%rbx)
    mov %rsi, CALL+16(%rbx)
    mov %rdx, RDX(%rbx)
    mov %rdx, CALL+24(%rbx)
    mov %r10, R10(%rbx)
    mov %r10, CALL+32(%rbx)
    mov %r8, R8(%rbx)
    mov %r8, CALL+40(%rbx)
    mov %r9, R9(%rbx)
    mov %r9, CALL+48(%rbx)
    rdfsbase %rcx
    mov %rcx, FS_BASE(%rbx)
    movq $0, GS_BASE(%rbx)
    mov $REPORT_FAST, %r12d

# Fetches what the call's pointers point to, which is what the kernel will want to know, and reports %r12d. %r8d is
# the call's entry of the table (see fetch.rs), %r9 the place of the next address and length, %rdi that of the bytes.
fetch_arguments:
    movq $0, FETCHED+8(%rbx)
    movq $0, FETCHED+24(%rbx)
    mov CALL(%rbx), %rax
    cmp $FETCH_CALLS, %rax
    jae fetched
    lea fetch_table(%rip), %rcx
    mov (%rcx,%rax,4), %r8d
    test %r8d, %r8d
    jz fetched
    # The application may have set the direction flag.
    cld
    lea FETCHED(%rbx), %r9
    lea INPUT(%rbx), %rdi
next_fetch:
    mov %r8d, %eax
    and $FETCH_MASK, %eax
    mov CALL(%rbx,%rax,8), %rsi
    test %rsi, %rsi
    jz no_fetch
    mov %rsi, (%r9)
    movzwl %r8w, %edx
    test $FETCH_STRING, %edx
    jnz fetch_string
    mov %edx, %eax
    shr $FETCH_SIZE_SHIFT, %edx
    shr $FETCH_COUNT_SHIFT, %eax
    and $FETCH_MASK, %eax
    jz 1f
    mov CALL(%rbx,%rax,8), %rax
    cmp $INPUT_SIZE, %rax
    ja no_fetch
    imul %rax, %rdx
1:
    lea INPUT+INPUT_SIZE(%rbx), %rcx
    sub %rdi, %rcx
    cmp %rcx, %rdx
    ja no_fetch
    mov %edx, %ecx
fetch:
    rep movsb
    jmp fetched_one
fetch_string:
    # Its length is what is copied: the zero is looked for byte by byte, never beyond it.
    mov %rdi, %rdx
    mov $STRING_MAX, %ecx
1:
    mov (%rsi), %al
    mov %al, (%rdi)
    inc %rsi
    inc %rdi
    test %al, %al
    jz 2f
    dec %ecx
    jnz 1b
    mov %rdx, %rdi
    jmp no_fetch
2:
    mov %rdi, %rcx
    sub %rdx, %rcx
    mov %rcx, %rdx
fetch_end:
fetched_one:
    mov %rdx, 8(%r9)
    add $16, %r9
    add $(WINDOW_ALIGN - 1), %rdi
    and $-WINDOW_ALIGN, %rdi
no_fetch:
    shr $16, %r8d
    jnz next_fetch
fetched:
    mov %r12d, %eax
    jmp report

# The application goes on.
resume:
    cmpl $0, INTERRUPTED(%rbx)
    jne interrupted
    testl $FLAG_FSGSBASE, FLAGS(%rbx)
    jz 1f
    mov FS_BASE(%rbx), %rax
    wrfsbase %rax
    # An application that does not use %gs has the context page there, for the trampolines.
    mov GS_BASE(%rbx), %rax
    test %rax, %rax
    cmovz %rbx, %rax
    wrgsbase %rax
1:
    rdtsc
    mov %eax, RESUMED(%rbx)
    # The way a call by a trampoline came, unless the kernel sends the thread elsewhere.
    lea SLOT_SIZE(%rbx), %rsp
    mov RIP(%rbx), %rax
    cmp FAST_RIP(%rbx), %rax
    jne 2f
    cmpq $0, GS_BASE(%rbx)
    jne 2f
    testl $SLOW_FLAGS, RFLAGS(%rbx)
    jnz 2f
    pushq RFLAGS(%rbx)
    popfq
    load_registers
    mov RSP(%rbx), %rsp
    mov RBX(%rbx), %rbx
    jmp *%gs:FAST_TARGET
2:
    # The nested-task flag, which an application may have left on, is not for iretq.
    pushq $2
    popfq
    mov %rax, IRET(%rbx)
    movq $CODE_SEGMENT, IRET+8(%rbx)
    mov RFLAGS(%rbx), %rax
    mov %rax, IRET+16(%rbx)
    mov RSP(%rbx), %rax
    mov %rax, IRET+24(%rbx)
    movq $STACK_SEGMENT, IRET+32(%rbx)
    lea IRET(%rbx), %rsp
    load_registers
    mov RBX(%rbx), %rbx
    iretq
resume_end:

interrupted:
    mov $REPORT_INTERRUPTED, %eax

# Reports %eax, then waits for commands.
report:
    lea SLOT_SIZE(%rbx), %rsp
    movl $0, INTERRUPTED(%rbx)
    mov %eax, REPORT(%rbx)
    # How long the application ran, and where.
    rdtscp
    and $PROCESSOR_MASK, %ecx
    mov %ecx, CPU(%rbx)
    sub RESUMED(%rbx), %eax
    mov %eax, RAN(%rbx)
    # Locked, so that the look at the sleep flag comes after it.
    lock incl REPORT_SEQ(%rbx)
    cmpl $0, KERNEL_ASLEEP(%rbx)
    je wait
    lea REPORT_SEQ(%rbx), %rdi
    mov $FUTEX_WAKE, %esi
    mov $1, %edx
    mov $SYS_FUTEX, %eax
    syscall
    # The task thread may need this processor.
    jmp sleep

# Awake, as long as the kernel wants it: it says so if it is about to sleep itself.
wait:
    rdtsc
    mov %eax, %edi
1:
    mov COMMAND_SEQ(%rbx), %ecx
    cmp OBEYED(%rbx), %ecx
    jne obey
    pause
    rdtsc
    sub %edi, %eax
    cmp PATIENCE(%rbx), %eax
    jb 1b

sleep:
    mov $1, %eax
    xchg %eax, STUB_ASLEEP(%rbx)
    mov OBEYED(%rbx), %edx
    mov COMMAND_SEQ(%rbx), %ecx
    cmp %ecx, %edx
    jne awake
    lea COMMAND_SEQ(%rbx), %rdi
    mov $FUTEX_WAIT, %esi
    xor %r10d, %r10d
    mov $SYS_FUTEX, %eax
    syscall
    mov COMMAND_SEQ(%rbx), %ecx
    cmp OBEYED(%rbx), %ecx
    je sleep
awake:
    movl $0, STUB_ASLEEP(%rbx)

# %ecx is the count of commands.
obey:
    mov %ecx, OBEYED(%rbx)
    mov COMMAND(%rbx), %eax
    cmp $COMMAND_RETURN, %eax
    je return
    cmp $COMMAND_RESUME, %eax
    je prepare
    cmp $COMMAND_CALL, %eax
    je call
    cmp $COMMAND_CALLS, %eax
    je calls
    cmp $COMMAND_FORK, %eax
    je fork
    cmp $COMMAND_SPAWN, %eax
    je spawn
    cmp $COMMAND_SAVE_FP, %eax
    je save_fp
    cmp $COMMAND_RESTORE_FP, %eax
    je restore_fp
    cmp $COMMAND_RESET_FP, %eax
    je reset_fp
    cmp $COMMAND_EXIT, %eax
    je exit
    jmp corrupted

.macro load_call from
    mov (\from), %rax
    mov 8(\from), %rdi
    mov 16(\from), %rsi
    mov 24(\from), %rdx
    mov 32(\from), %r10
    mov 40(\from), %r8
    mov 48(\from), %r9
.endm

return:
    mov ANSWER(%rbx), %rax
    mov %rax, RAX(%rbx)

# Makes the host calls that go before, and stores the entries of the output window in the
# application's memory.
prepare:
    movzwl CALLS_COUNT(%rbx), %r12d
    lea CALLS(%rbx), %r13
    test %r12d, %r12d
    jz 2f
1:
    load_call %r13
    syscall
    cmp $-MAX_ERRNO, %rax
    jae uncalled
    add $CALL_SIZE, %r13
    dec %r12d
    jnz 1b
2:
    movzwl COPIES(%rbx), %edx
    test %edx, %edx
    jz resume
    lea OUTPUT(%rbx), %rsi
1:
    mov (%rsi), %rdi
    mov 8(%rsi), %rcx
    add $COPY_HEAD, %rsi
store:
    rep movsb
store_end:
    add $(WINDOW_ALIGN - 1), %rsi
    and $-WINDOW_ALIGN, %rsi
    dec %edx
    jnz 1b
    jmp resume

uncalled:
    mov %rax, RESULT(%rbx)
    mov $REPORT_UNCALLED, %eax
    jmp report

call:
    lea ARGUMENTS(%rbx), %r12
    load_call %r12
    syscall
done:
    mov %rax, RESULT(%rbx)
    mov $REPORT_DONE, %eax
    jmp report

calls:
    movzwl CALLS_COUNT(%rbx), %r12d
    lea CALLS(%rbx), %r13
    xor %eax, %eax
    test %r12d, %r12d
    jz done
1:
    load_call %r13
    syscall
    cmp $-MAX_ERRNO, %rax
    jae done
    add $CALL_SIZE, %r13
    dec %r12d
    jnz 1b
    jmp done

# Copies the process. The copy is a child of the sandbox process, not of this one.
fork:
    mov ARGUMENTS(%rbx), %r12
    mov $CLONE_PARENT, %edi
    xor %esi, %esi
    xor %edx, %edx
    xor %r10d, %r10d
    xor %r8d, %r8d
    mov %r12, %r9
    mov $SYS_CLONE, %eax
    syscall
    test %rax, %rax
    jnz done
    # In the copy, which has no context page and no stack. It asks for a descriptor of its slots; the nonce
    # tells the sandbox process whose copy this is. The answer comes with the first command.
    mov %rbx, %r13
    xor %edi, %edi
    xor %esi, %esi
    xor %edx, %edx
    xor %r10d, %r10d
    xor %r8d, %r8d
    mov %r12, %r9
    mov $SYS_OPENAT, %eax
    syscall
    cmp $CHUNK_FD, %rax
    jne die
    movabs $CONTEXT_BASE, %rbx
    mov %rbx, %rdi
    mov $CHUNK_SIZE, %esi
    mov $PROT_READ_WRITE, %edx
    mov $MAP_SHARED_FIXED, %r10d
    mov $CHUNK_FD, %r8d
    xor %r9d, %r9d
    mov $SYS_MMAP, %eax
    syscall
    cmp %rbx, %rax
    jne die
    mov $CHUNK_FD, %edi
    mov $SYS_CLOSE, %eax
    syscall
    # Another thread of the parent may have been about to map it.
    mov $SHARED_FD, %edi
    mov $SYS_CLOSE, %eax
    syscall
    mov %rbx, %rdi
    mov $CHUNK_SIZE, %esi
    mov $MADV_DONTFORK, %edx
    mov $SYS_MADVISE, %eax
    syscall
    testl $FLAG_DEATH_SIGNAL, FLAGS(%rbx)
    jz 1f
    mov $PR_SET_PDEATHSIG, %edi
    mov $SIGKILL, %esi
    mov $SYS_PRCTL, %eax
    syscall
1:
    # A copy of a process' first thread has the right signal stack.
    cmp %rbx, %r13
    je alive

new_thread:
    lea SLOT_SIZE(%rbx), %rsp
    call set_signal_stack
# Obeys the first command, which may be there already. The look for an interrupt comes after it is known that
# this thread can take the signal.
alive:
    mov $1, %eax
    xchg %eax, ALIVE(%rbx)
    jmp sleep

# The stack is for this alone.
set_signal_stack:
    # stack_t: base, flags, size.
    pushq $(SLOT_SIZE - SIGNAL_STACK)
    pushq $0
    lea SIGNAL_STACK(%rbx), %rax
    push %rax
    mov %rsp, %rdi
    xor %esi, %esi
    mov $SYS_SIGALTSTACK, %eax
    syscall
    add $24, %rsp
    ret

spawn:
    mov ARGUMENTS(%rbx), %r12
    mov $CLONE_THREAD_FLAGS, %edi
    xor %esi, %esi
    xor %edx, %edx
    xor %r10d, %r10d
    xor %r8d, %r8d
    mov ARGUMENTS+8(%rbx), %r9
    mov $SYS_CLONE, %eax
    syscall
    test %rax, %rax
    jnz done
    mov %r12, %rbx
    jmp new_thread

# The address belongs to the application. The header of the area is cleared first: xsave leaves
# parts of it as they are, and xrstor wants them zero.
save_fp:
    mov ARGUMENTS(%rbx), %rdi
    mov FEATURES(%rbx), %eax
    mov FEATURES+4(%rbx), %edx
    xor %ecx, %ecx
may_fault:
    mov %rcx, XSAVE_HEADER(%rdi)
    mov %rcx, XSAVE_HEADER+8(%rdi)
    mov %rcx, XSAVE_HEADER+16(%rdi)
    mov %rcx, XSAVE_HEADER+24(%rdi)
    mov %rcx, XSAVE_HEADER+32(%rdi)
    mov %rcx, XSAVE_HEADER+40(%rdi)
    mov %rcx, XSAVE_HEADER+48(%rdi)
    mov %rcx, XSAVE_HEADER+56(%rdi)
    xsave64 (%rdi)
    # A processor may say that x87 or SSE is in its initial state, and would load that then, whatever a
    # handler writes there. So Linux says of both that they are in use.
    orq $LEGACY_FEATURES, XSAVE_HEADER(%rdi)
    xor %eax, %eax
    jmp done

restore_fp:
    mov ARGUMENTS(%rbx), %rdi
    mov ARGUMENTS+8(%rbx), %rsi
    mov FEATURES(%rbx), %rax
    mov %rsi, %rcx
    not %rcx
    and %rcx, %rax
    mov %rax, %rdx
    shr $32, %rdx
    xrstor64 initial_state(%rip)
    mov %rsi, %rax
    mov %rsi, %rdx
    shr $32, %rdx
    xrstor64 (%rdi)
    xor %eax, %eax
    jmp done
may_fault_end:

reset_fp:
    mov ARGUMENTS+8(%rbx), %rax
    mov %rax, %rdx
    shr $32, %rdx
    xrstor64 initial_state(%rip)
    xor %eax, %eax
    jmp done

# The slot may be given to another thread as soon as the report is seen: no stack, no page after it.
exit:
    movl $REPORT_DONE, REPORT(%rbx)
    lock incl REPORT_SEQ(%rbx)
    xor %edi, %edi
    mov $SYS_EXIT, %eax
    syscall
die:
    mov $1, %edi
    mov $SYS_EXIT_GROUP, %eax
    syscall
    hlt

# The zygote: %rdi is its page. Forgets all memory but the stub's, and closes its filter.
start:
    mov %rdi, %rbx
    lea SLOT_SIZE(%rbx), %rsp
    mov FEATURES(%rbx), %eax
    mov FEATURES+4(%rbx), %edx
    xrstor64 initial_state(%rip)
    lea BOOT_HOLES(%rbx), %r12
1:
    mov (%r12), %rdi
    mov 8(%r12), %rsi
    add $16, %r12
    test %rsi, %rsi
    jz 2f
    mov $SYS_MUNMAP, %eax
    syscall
    jmp 1b
2:
    mov $SECCOMP_SET_MODE_FILTER, %edi
    mov $SECCOMP_FILTER_FLAG_NEW_LISTENER, %esi
    lea BOOT_FILTER(%rbx), %rdx
    mov $SYS_SECCOMP_CALL, %eax
    syscall
    mov %rax, RESULT(%rbx)
    lea SLOT_SIZE(%rbx), %rsp
    call set_signal_stack
    movl $1, ALIVE(%rbx)
    mov $REPORT_BORN, %eax
    jmp report

# An area for xrstor in which every feature is in its initial state. Processors touch its last byte
# even so.
.balign 64
initial_state:
    .skip 24
    .long MXCSR_INITIAL
    .skip INITIAL_STATE_SIZE - 28
end:
