package queue

import (
	"slices"
	"time"
)

// turns holds the jobs that wait and says whose turn it is: round robin over the
// networks, first come, first served inside one. A network is known only while it
// has a job here.
//
// Slices are searched and shifted, since MaxWaiting pointers are little; only what
// every newcomer asks for is kept ready.
type turns struct {
	size  int              // jobs
	lines map[string]*line // by network
	ring  []*line          // the first has the turn
	// rounds[i] is how many networks have more than i jobs: the turns that make up
	// the round after i others.
	rounds []int
	kinds  tally
}

// line is the jobs of one network, never empty.
type line struct {
	network string
	jobs    []*job
	kinds   tally
}

// tally counts jobs by kind.
type tally map[*load]int

func (y tally) add(l *load, jobs int) {
	if y[l] += jobs; y[l] == 0 {
		delete(y, l)
	}
}

// work is how long those jobs last together.
func (y tally) work() time.Duration {
	var sum time.Duration
	for l, jobs := range y {
		sum += time.Duration(jobs) * l.estimate
	}
	return sum
}

func newTurns() turns { return turns{lines: map[string]*line{}, kinds: tally{}} }

// push adds j behind the jobs of its network; a network that is new here gets its
// turn at entry, an index of the ring.
func (t *turns) push(j *job, entry int) {
	l := t.lines[j.ticket.Network]
	if l == nil {
		l = &line{network: j.ticket.Network, kinds: tally{}}
		t.lines[l.network] = l
		t.ring = slices.Insert(t.ring, entry, l)
	}
	if len(l.jobs) == len(t.rounds) {
		t.rounds = append(t.rounds, 0)
	}
	t.rounds[len(l.jobs)]++
	l.jobs = append(l.jobs, j)
	l.kinds.add(j.load, 1)
	t.kinds.add(j.load, 1)
	t.size++
}

// first is the job whose turn it is.
func (t *turns) first() *job { return t.ring[0].jobs[0] }

// last is the job that would be served last: the newest of the longest network, and
// of several such networks of the one whose turn comes last.
func (t *turns) last() *job {
	for _, l := range slices.Backward(t.ring) {
		if len(l.jobs) == len(t.rounds) {
			return l.jobs[len(l.jobs)-1]
		}
	}
	panic("queue: no network has as many jobs as the longest")
}

// pop takes the first job away and passes the turn on.
func (t *turns) pop() {
	l := t.ring[0]
	t.remove(l.jobs[0])
	if len(l.jobs) > 0 {
		copy(t.ring, t.ring[1:])
		t.ring[len(t.ring)-1] = l
	}
}

// remove takes j away, wherever it stands. Its network keeps its place.
func (t *turns) remove(j *job) {
	l := t.lines[j.ticket.Network]
	i := slices.Index(l.jobs, j)
	l.jobs = slices.Delete(l.jobs, i, i+1)
	left := len(l.jobs)
	if t.rounds[left]--; t.rounds[left] == 0 {
		t.rounds = t.rounds[:left] // no round is larger than one before it
	}
	l.kinds.add(j.load, -1)
	t.kinds.add(j.load, -1)
	t.size--
	if left == 0 {
		delete(t.lines, l.network)
		i = slices.Index(t.ring, l)
		t.ring = slices.Delete(t.ring, i, i+1)
	}
}

// waiting is how many jobs of the network wait.
func (t *turns) waiting(network string) int {
	if l := t.lines[network]; l != nil {
		return len(l.jobs)
	}
	return 0
}

// longest is how many jobs the network with the most has.
func (t *turns) longest() int { return len(t.rounds) }

// before is how long those jobs last together that are served before a newcomer of
// the network, which gets its turn at entry if it is new here. Its own jobs count as
// what they are; those of the others that are served before it as their mean.
func (t *turns) before(network string, entry int) time.Duration {
	own := t.lines[network]
	if own == nil {
		return t.beforeNew(entry)
	}
	turns := 0
	for _, networks := range t.rounds[:len(own.jobs)] {
		turns += networks - 1
	}
	if len(t.rounds) > len(own.jobs) { // some of the newcomer's own round come before it
		for _, l := range t.ring[:slices.Index(t.ring, own)] {
			if len(l.jobs) > len(own.jobs) {
				turns++
			}
		}
	}
	ours := own.kinds.work()
	return ours + part(t.kinds.work()-ours, t.size-len(own.jobs), turns)
}

// beforeNew is before for a network that has no job here.
func (t *turns) beforeNew(entry int) time.Duration { return part(t.kinds.work(), t.size, entry) }

// part is how long n of the jobs last that last for work together.
func part(work time.Duration, jobs, n int) time.Duration {
	if n == 0 {
		return 0
	}
	return work / time.Duration(jobs) * time.Duration(n)
}
