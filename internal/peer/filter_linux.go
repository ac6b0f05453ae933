package peer

import (
	"net"
	"syscall"
)

// udpHeader is where the payload begins for the filter of a UDP socket.
const udpHeader = 8

// attachFilter makes the kernel drop RTP that arrives on a socket: isRTP as a classic BPF
// program, which needs no privilege. A datagram of less than two bytes is dropped too.
func attachFilter(conn *net.UDPConn) error {
	const accept, drop = 0xFFFFFFFF, 0
	load := func(at int) syscall.SockFilter {
		return syscall.SockFilter{Code: syscall.BPF_LD | syscall.BPF_B | syscall.BPF_ABS, K: uint32(at)}
	}
	and := func(mask uint32) syscall.SockFilter {
		return syscall.SockFilter{Code: syscall.BPF_ALU | syscall.BPF_AND | syscall.BPF_K, K: mask}
	}
	// The jumps are counted from the next instruction.
	jump := func(test uint16, k uint32, yes, no uint8) syscall.SockFilter {
		return syscall.SockFilter{Code: syscall.BPF_JMP | syscall.BPF_K | test, K: k, Jt: yes, Jf: no}
	}
	result := func(length uint32) syscall.SockFilter {
		return syscall.SockFilter{Code: syscall.BPF_RET | syscall.BPF_K, K: length}
	}
	program := []syscall.SockFilter{
		load(udpHeader),
		and(0xC0),
		jump(syscall.BPF_JEQ, 0x80, 0, 4), // else accept
		load(udpHeader + 1),
		and(0x7F),
		jump(syscall.BPF_JGE, 64, 0, 2), // else drop
		jump(syscall.BPF_JGT, 95, 1, 0), // drop, else accept
		result(accept),
		result(drop),
	}
	return onDescriptor(conn, func(fd int) error {
		return syscall.AttachLsf(fd, program) //nolint:staticcheck // what it is deprecated for would be a dependency
	})
}

// detachFilter takes the filter off.
func detachFilter(conn *net.UDPConn) error {
	return onDescriptor(conn, func(fd int) error {
		return syscall.DetachLsf(fd) //nolint:staticcheck // as above
	})
}

// onDescriptor calls a function on the descriptor of a socket.
func onDescriptor(conn *net.UDPConn, f func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}
