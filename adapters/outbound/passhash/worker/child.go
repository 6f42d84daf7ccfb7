package worker

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// child is one process and what the Pool knows of it. live is its whole life, in a
// goroutine of its own, from the start to the reaping.
type child struct {
	pool *Pool
	slot int

	greeted chan struct{} // closed when it is ready for jobs
	gone    chan struct{} // closed when it is no more, or never was
	replies chan reply    // of one element: there is one job at a time

	mu      sync.Mutex
	process *os.Process // nil until it runs
	in, out *os.File    // the parent's ends of its pipes
	reason  Reason      // why it ends; empty: it does not
}

// live starts the process, hands over what it says, and reaps it. It returns the
// details of the end.
func (c *child) live() {
	detail := c.start()
	if detail == nil {
		greeting := time.AfterFunc(c.pool.cfg.Greeting, func() { c.end(NoGreeting) })
		detail = c.listen(greeting)
		greeting.Stop()
		c.end(Died)
		state, err := c.process.Wait()
		if err == nil && detail == nil {
			detail = errors.New(state.String())
		}
	}
	c.pool.forget(c, detail)
	close(c.gone)
}

// start runs the program with nothing but its two pipes.
func (c *child) start() error {
	theirIn, in, err := os.Pipe()
	if err != nil {
		c.end(NoStart)
		return err
	}
	defer closeFile(theirIn)
	out, theirOut, err := os.Pipe()
	if err != nil {
		closeFile(in)
		c.end(NoStart)
		return err
	}
	defer closeFile(theirOut)
	process, err := c.pool.execute(theirIn, theirOut)
	if err != nil {
		closeFile(in)
		closeFile(out)
		c.end(NoStart)
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process, c.in, c.out = process, in, out
	if c.reason != "" { // ended before it began
		c.kill()
	}
	return nil
}

// listen reads what the child says until it says no more. The error is nil when that
// is the end of the process.
func (c *child) listen(greeting *time.Timer) error {
	var first hello
	if err := decode(c.out, &first); err != nil || first.Protocol != protocol {
		c.end(NoGreeting)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrClosed) {
			return nil
		}
		return fmt.Errorf("%w: no greeting", errFrame)
	}
	if !greeting.Stop() { // it is being killed
		return nil
	}
	c.pool.welcome(c)
	close(c.greeted)
	for {
		var r reply
		err := decode(c.out, &r)
		if errors.Is(err, errFrame) {
			c.end(Garbage)
			return err
		}
		if err != nil {
			return nil //nolint:nilerr // the pipe's end is told by the status of the process
		}
		select {
		case c.replies <- r:
		default:
			c.end(Garbage)
			return fmt.Errorf("%w: an answer that nobody asked for", errFrame)
		}
	}
}

// do gives the child one job and waits for the answer. Without one it ends the child,
// and the error says why.
func (c *child) do(id uint64, frame []byte) (reply, error) {
	go func() { // a stopped child may not take it
		_, _ = c.in.Write(frame) // what went wrong is seen by the child's end
		clear(frame)
	}()
	cfg := c.pool.cfg
	// Ticks are counted rather than time: a service that was stopped itself, or slept
	// with its machine, gives its children their time.
	watch := time.NewTicker(cfg.Watch)
	defer watch.Stop()
	for left := cfg.Limit; ; {
		select {
		case r := <-c.replies:
			if r.answers(id) {
				return r, nil
			}
			c.end(Garbage)
			<-c.gone
		case <-c.gone:
		case <-watch.C:
			left -= cfg.Watch
			if stopped(c.process.Pid) {
				c.end(Stopped)
			} else if left <= 0 {
				c.end(Silent)
			}
			continue
		}
		return reply{}, fmt.Errorf("its process %s", c.reason.words())
	}
}

// end kills the process, for the first reason that is given.
func (c *child) end(reason Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == "" {
		c.reason = reason
	}
	c.kill()
}

// kill closes the pipes too, which ends all that waits for them, even where a process
// of somebody else's holds the other end. mu is held.
func (c *child) kill() {
	if c.process == nil {
		return
	}
	_ = c.process.Kill() // fails when it is dead already
	closeFile(c.in)
	closeFile(c.out)
}

// dismiss lets the process end by itself.
func (c *child) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == "" {
		c.reason = Closed
	}
	if c.process != nil {
		closeFile(c.in)
	}
}

// closeFile closes a pipe or the null device, which lose nothing by an error.
func closeFile(f *os.File) { _ = f.Close() }

// words are the reason as the end of a sentence that begins with the process.
func (r Reason) words() string {
	switch r {
	case Died:
		return "died"
	case Stopped:
		return "was stopped by a signal"
	case Silent:
		return "gave no answer in time"
	case Garbage:
		return "gave an answer that makes no sense"
	case NoStart:
		return "could not be started"
	case NoGreeting:
		return "did not prove to be a hash worker"
	case Closed:
		return "was closed"
	default:
		return string(r)
	}
}
