package cli

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress tells on a terminal how far something is, about every half second.
type progress struct {
	terminal io.Writer // nil: there is none
	due      *time.Ticker
	shown    bool
}

const progressInterval = 500 * time.Millisecond

func newProgress(stderr io.Writer) *progress {
	p := &progress{}
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.terminal, p.due = f, time.NewTicker(progressInterval)
	}
	return p
}

// eraseLine goes to the start of the line and clears it (ECMA-48, EL).
const eraseLine = "\r\x1b[K"

func (p *progress) tell(line string) {
	if p.terminal == nil {
		return
	}
	select {
	case <-p.due.C:
		_, _ = io.WriteString(p.terminal, eraseLine+line)
		p.shown = true
	default:
	}
}

// end clears the line for something else.
func (p *progress) end() {
	if p.shown {
		_, _ = io.WriteString(p.terminal, eraseLine)
		p.shown = false
	}
}
