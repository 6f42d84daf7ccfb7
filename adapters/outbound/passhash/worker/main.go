package worker

import (
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
)

// The exit codes of Main.
const (
	exitEnd   = 0 // end of file on the pipe
	exitFault = 1
	exitUsage = 2
)

// maxNice is the lowest priority of Linux (setpriority(2)).
const maxNice = 19

// Main is the whole life of the hidden command: it computes the jobs that come in and
// writes the answers out, until in ends. args are those after the command: the nice
// value, 0 to 19. The program must exit with the returned code at once, since a job may
// still be running. It must be called before anything else is started.
func Main(compute Compute, args []string, in io.Reader, out io.Writer) int {
	if len(args) != 1 {
		return exitUsage
	}
	nice, err := strconv.Atoi(args[0])
	if err != nil || nice < 0 || nice > maxNice {
		return exitUsage
	}
	// A signal for the whole service, as from a terminal or a supervisor, must not end
	// a job that the service still wants: the end of file is the authority.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1) // collected after each job, never during one
	if err := restrain(nice); err != nil {
		return exitFault
	}
	preferHugePages() // before the greeting: who dies of it must not be taken for a worker
	frame, err := encode(hello{Protocol: protocol})
	if err != nil {
		return exitFault
	}
	if _, err := out.Write(frame); err != nil {
		return exitFault
	}
	return serve(compute, nice, pollable(in), out)
}

// pollable lets the runtime wait for a pipe as it waits for the network. A read that
// blocks in the kernel instead keeps the child's only processor until the runtime's
// monitor takes it away, up to 20 ms later: half a hash, after each hash.
func pollable(in io.Reader) io.Reader {
	f, ok := in.(*os.File)
	if !ok {
		return in
	}
	fd := f.Fd()
	if err := setNonblock(fd); err != nil {
		return in
	}
	return os.NewFile(fd, f.Name())
}

// serve computes one job after the other. The reader is a goroutine of its own, so
// that the end of file is seen during a job.
func serve(compute Compute, nice int, in io.Reader, out io.Writer) int {
	requests, ended := make(chan request, 1), make(chan int, 1)
	go func() { ended <- receive(in, requests) }()
	memory := newMemory()
	for {
		select {
		case code := <-ended:
			return code
		case <-memory.idle.C:
			debug.FreeOSMemory()
		case r := <-requests:
			if err := lowerPriority(nice); err != nil {
				return exitFault
			}
			answers := make(chan []byte, 1)
			go func() { answers <- answer(compute, r) }()
			select {
			case code := <-ended:
				return code
			case frame := <-answers:
				if _, err := out.Write(frame); err != nil {
					return exitFault
				}
			}
			clear(r.Job.Password)
			memory.collect()
		}
	}
}

// receive hands over the requests until there are no more, and returns the exit code.
func receive(in io.Reader, requests chan<- request) int {
	for {
		var r request
		if err := decode(in, &r); err != nil {
			return exitEnd
		}
		select {
		case requests <- r:
		default:
			return exitFault // two jobs at a time
		}
	}
}

// answer computes the job and returns the frame of the reply.
func answer(compute Compute, r request) []byte {
	result, err := compute.try(r.Job)
	if err == nil {
		var frame []byte
		if frame, err = encode(reply{ID: r.ID, Result: &result}); err == nil {
			return frame
		}
	}
	frame, _ := encode(reply{ID: r.ID, Fault: faultText(err)}) // valid and short
	return frame
}
