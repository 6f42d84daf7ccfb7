// Package queue decides who works next on a fixed number of slots, where there can
// be far more work than the slots can do in time.
//
// The flow of a job: Do takes it in, or refuses it before any work. With a free
// slot it begins at once; otherwise it waits until its turn comes, is judged once
// more, and works. Whoever ends a job hands its slot to the next, so nothing polls.
//
// Who is next: foreground before background, then round robin over the networks
// that wait, then first come, first served. A network with thousands of callers
// therefore gets no more turns than one with a single caller. When no place is free
// in the queue, the job that would be served last, background first, gives its
// place to a newcomer whose network has fewer even with the newcomer.
//
// Who is refused: those for whom no place is left, and those whose turn would come
// too late, by the measured duration of each kind of work. Under any load the slots
// do only what still helps somebody. The refused are told when to come back, each
// at a time of its own.
//
// Memory is bounded: by the jobs that wait, their networks, and a fixed number of
// kinds of work.
package queue
