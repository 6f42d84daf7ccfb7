package dbtest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Proxy stands between a store and its server and fails as networks and servers do.
type Proxy struct {
	target   string
	listener net.Listener

	mu    sync.Mutex
	down  bool
	flow  chan struct{} // closed while bytes flow
	links map[*link]bool
	trap  *trap // nil: none is set
}

// link is one connection and its other half.
type link struct {
	client, server net.Conn
	ended          chan struct{}
	end            sync.Once
	swallow        *trap // what the server says next is lost
}

// trap waits for a statement.
type trap struct {
	text    []byte
	swallow bool
	sprung  chan struct{}
}

// NewProxy starts a proxy for the server of url that lives as long as t, and returns
// the URL of the same database through it.
func NewProxy(t testing.TB, target string) (p *Proxy, through string) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p = &Proxy{target: u.Host, listener: listener, flow: make(chan struct{}), links: map[*link]bool{}}
	close(p.flow)
	var running sync.WaitGroup
	running.Go(func() { p.accept(&running) })
	t.Cleanup(func() {
		p.Down()
		_ = listener.Close()
		running.Wait()
	})
	u.Host = listener.Addr().String()
	return p, u.String()
}

// Down cuts every connection and refuses new ones, until Heal.
func (p *Proxy) Down() {
	p.mu.Lock()
	p.down = true
	p.mu.Unlock()
	p.Cut()
}

// Cut cuts every connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}

// Hang holds every byte back in both directions, those of new connections too, until
// Heal.
func (p *Proxy) Hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flow:
		p.flow = make(chan struct{})
	default: // it hangs
	}
}

// Heal ends Down and Hang.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
	select {
	case <-p.flow:
	default:
		close(p.flow)
	}
}

// CutBefore cuts the next connection that sends text, of any case, before the server
// gets it. The channel closes when that has happened.
func (p *Proxy) CutBefore(text string) <-chan struct{} { return p.set(text, false) }

// SwallowAnswer lets the server get the next message with text, of any case, and cuts
// the connection when it answers. The channel closes when that has happened.
func (p *Proxy) SwallowAnswer(text string) <-chan struct{} { return p.set(text, true) }

func (p *Proxy) set(text string, swallow bool) <-chan struct{} {
	t := &trap{text: bytes.ToLower([]byte(text)), swallow: swallow, sprung: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trap = t
	return t.sprung
}

func (p *Proxy) accept(running *sync.WaitGroup) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		running.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	var dialer net.Dialer
	server, err := dialer.DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		reset(client)
		return
	}
	l := &link{client: client, server: server, ended: make(chan struct{})}
	p.mu.Lock()
	down := p.down
	if !down {
		p.links[l] = true
	}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	}()
	if down {
		l.close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.pump(l, client, server, p.sent) })
	both.Go(func() { p.pump(l, server, client, p.answered) })
	both.Wait()
}

// pump copies from one side to the other until either ends. see says whether what was
// read goes on.
func (p *Proxy) pump(l *link, from, to net.Conn, see func(*link, []byte) bool) {
	defer l.close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.mu.Lock()
			flow := p.flow
			p.mu.Unlock()
			select {
			case <-flow:
			case <-l.ended:
				return
			}
			if !see(l, buf[:n]) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// sent looks at what the client says. A message comes in one piece: those of tests
// are short.
func (p *Proxy) sent(l *link, message []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trap == nil || !bytes.Contains(bytes.ToLower(message), p.trap.text) {
		return true
	}
	t := p.trap
	p.trap = nil
	if t.swallow {
		l.swallow = t
		return true
	}
	close(t.sprung)
	return false
}

func (p *Proxy) answered(l *link, _ []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.swallow == nil {
		return true
	}
	close(l.swallow.sprung)
	l.swallow = nil
	return false
}

func (l *link) close() {
	l.end.Do(func() {
		close(l.ended)
		reset(l.client)
		_ = l.server.Close()
	})
}

// reset ends a connection as the death of its other side does.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		panic(err) // it cannot happen
	}
}
