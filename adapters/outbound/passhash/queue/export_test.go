package queue

// Kinds tells of how many kinds of work q keeps an estimate.
func Kinds(q *Queue) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.loads)
}

// Networks tells of how many networks q knows, and Admitted how many jobs it counts.
func Networks(q *Queue) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.foreground.lines) + len(q.foreground.ring) + len(q.background.lines) + len(q.background.ring)
}

// Admitted is how many jobs the estimates of the kinds count as running or waiting.
func Admitted(q *Queue) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	sum := 0
	for _, l := range q.loads {
		sum += l.jobs
	}
	return sum
}
