package peer

import (
	"net"
	"syscall"
)

// udpHeader is where the payload begins for the filter of a UDP socket.
const udpHeader = 8

// setFilter makes the kernel drop RTP and feedback that arrive on a socket, except where
// they are to pass: kindOf as a classic BPF program, which needs no privilege. A datagram
// of less than two bytes is dropped too, and feedback that is cut off within its last words.
func setFilter(conn *net.UDPConn, passRTP, passFeedback bool) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		// What these are deprecated for would be a dependency.
		if passRTP && passFeedback {
			failed = syscall.DetachLsf(int(fd)) //nolint:staticcheck // see above
		} else {
			failed = syscall.AttachLsf(int(fd), program(passRTP, passFeedback)) //nolint:staticcheck // see above
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// program returns the filter.
func program(passRTP, passFeedback bool) []syscall.SockFilter {
	const (
		first, second = udpHeader, udpHeader + 1
		length        = udpHeader + 2
		accept, drop  = 0xFFFFFFFF, 0
	)
	op := func(code uint16, k uint32) syscall.SockFilter { return syscall.SockFilter{Code: code, K: k} }
	load := func(at uint32) syscall.SockFilter { return op(syscall.BPF_LD|syscall.BPF_B|syscall.BPF_ABS, at) }
	and := func(mask uint32) syscall.SockFilter { return op(syscall.BPF_ALU|syscall.BPF_AND|syscall.BPF_K, mask) }
	// The jumps are counted from the next instruction.
	jump := func(test uint16, k uint32, yes, no uint8) syscall.SockFilter {
		return syscall.SockFilter{Code: syscall.BPF_JMP | syscall.BPF_K | test, K: k, Jt: yes, Jf: no}
	}
	result := func(pass bool) syscall.SockFilter {
		if pass {
			return op(syscall.BPF_RET|syscall.BPF_K, accept)
		}
		return op(syscall.BPF_RET|syscall.BPF_K, drop)
	}
	return []syscall.SockFilter{
		load(first),
		and(0xC0),
		jump(syscall.BPF_JEQ, 0x80, 0, 15), // else pass
		load(second),
		and(0x7F),
		jump(syscall.BPF_JGE, 64, 0, 13), // else RTP
		jump(syscall.BPF_JGT, 95, 12, 0), // RTP
		load(second),
		jump(syscall.BPF_JEQ, 205, 0, 9), // else pass
		load(first),
		and(0x1F),
		jump(syscall.BPF_JEQ, 15, 0, 6), // else pass
		op(syscall.BPF_LD|syscall.BPF_H|syscall.BPF_ABS, length),
		op(syscall.BPF_ALU|syscall.BPF_LSH|syscall.BPF_K, 2), // in words
		op(syscall.BPF_MISC|syscall.BPF_TAX, 0),
		op(syscall.BPF_LD|syscall.BPF_W|syscall.BPF_LEN, 0),
		op(syscall.BPF_ALU|syscall.BPF_SUB|syscall.BPF_X, 0),
		jump(syscall.BPF_JGT, udpHeader+rtcpHeader+srtcpTrailer, 0, 2), // pass
		result(true),
		result(passRTP),
		result(passFeedback),
	}
}
