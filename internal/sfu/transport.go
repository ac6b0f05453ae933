package sfu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/signaling"
	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/srtp/v3"
)

const (
	// bindingRequests is how often a check is repeated before its pair fails: all
	// through TransportTimeout.
	bindingRequests = 1 << 12
	checkInterval   = 50 * time.Millisecond
	// disconnectedAfter is pion's own default; it only divides TransportTimeout in two.
	disconnectedAfter = 5 * time.Second
)

var errTransportLost = errors.New("the transport is lost")

// transport is what is up once Connected is closed.
type transport struct {
	conn *ice.Conn
	pipe *dtlsPipe
	dtls *dtls.Conn

	keysMu   sync.Mutex // guards what follows; nil before the handshake is over
	inbound  *srtp.Context
	outbound *srtp.Context
}

func (p *Participant) newAgent() (*ice.Agent, error) {
	disconnected := min(disconnectedAfter, p.cfg.TransportTimeout/2)
	agent, err := ice.NewAgentWithOptions(
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6}),
		ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithIncludeLoopback(),
		ice.WithLocalCredentials(p.id.ufrag, p.id.pwd),
		ice.WithICELite(p.cfg.ICE == Lite),
		ice.WithMaxBindingRequests(bindingRequests),
		ice.WithCheckInterval(checkInterval),
		ice.WithHostAcceptanceMinWait(0),
		ice.WithPrflxAcceptanceMinWait(0),
		ice.WithDisconnectedTimeout(disconnected),
		ice.WithFailedTimeout(p.cfg.TransportTimeout-disconnected),
		ice.WithLoggerFactory(loggerFactory{p.log}),
	)
	if err != nil {
		return nil, err
	}
	candidate, err := ice.NewCandidateHost(&ice.CandidateHostConfig{
		Network: "udp", Address: p.cfg.ListenIP, Port: p.network.Port(), Component: 1, Priority: signaling.Priority,
	})
	if err != nil {
		return nil, errors.Join(err, agent.Close())
	}

	// A candidate on our own socket: the agent gathers nothing and sees all traffic
	// through the network.
	if err = agent.AddVirtualCandidate(candidate, p.network); err != nil {
		return nil, errors.Join(err, agent.Close())
	}
	err = agent.OnConnectionStateChange(func(state ice.ConnectionState) {
		if state == ice.ConnectionStateFailed {
			p.stop(errTransportLost)
		}
	})
	if err != nil {
		return nil, errors.Join(err, agent.Close())
	}
	return agent, nil
}

// serve connects and then stays until the participant's lifetime ends, which it waits
// for. It tears down what it built, top-down.
func (p *Participant) serve() error {
	var workers workers
	// Media and data end before the transport under them.
	defer workers.wait()
	defer p.closeTransport()
	t, err := p.connectICE()
	if err != nil {
		return err
	}
	p.transport = t
	workers.start(p.read) // ends when the agent is closed
	if err = p.handshake(t); err != nil {
		return fmt.Errorf("DTLS: %w", err)
	}
	p.mu.Lock()
	p.oracle.ConnectedAt = time.Now()
	p.mu.Unlock()
	close(p.connected)
	p.wake()
	if p.cfg.Strict {
		workers.start(p.settle) // ends with p.ctx
	}
	workers.start(p.report)    // ends with p.ctx
	workers.start(p.serveData) // ends when DTLS is closed
	workers.start(p.forward)   // ends with p.ctx
	<-p.ctx.Done()
	return context.Cause(p.ctx)
}

// workers are goroutines that end together.
type workers struct {
	group sync.WaitGroup
}

func (w *workers) start(work func()) {
	w.group.Add(1)
	go func() {
		defer w.group.Done()
		work()
	}()
}

func (w *workers) wait() { w.group.Wait() }

func (p *Participant) connectICE() (*transport, error) {
	start := p.agent.StartAccept
	if p.cfg.ICE == Controlling {
		start = p.agent.StartDial
	}
	conn, err := start(p.req.Ufrag, p.req.Pwd)
	if err != nil {
		return nil, fmt.Errorf("ICE: %w", err)
	}
	if err = p.agent.AwaitConnect(p.ctx); err != nil {
		return nil, fmt.Errorf("ICE: %w", err)
	}
	return &transport{conn: conn, pipe: newDTLSPipe(conn)}, nil
}

// closeTransport sends close_notify when there is a DTLS connection, and closes
// everything below.
func (p *Participant) closeTransport() {
	if t := p.transport; t != nil {
		if t.dtls != nil {
			_ = t.dtls.Close() // sends close_notify
		}
		_ = t.pipe.Close()
	}
	if err := p.agent.GracefulClose(); err != nil {
		p.log.Warn("close ICE agent", "error", err)
	}

	// The agent closes the socket when it deletes its candidate; this is for the agent
	// that had lost it.
	if err := p.network.Close(); err != nil {
		p.log.Warn("close socket", "error", err)
	}
}

// wake makes the read loop look at what it holds, although nothing arrived.
func (p *Participant) wake() {
	_ = p.transport.conn.SetReadDeadline(time.Now())
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout())
}
