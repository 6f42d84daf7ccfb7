package memlimit

import (
	"container/heap"
	"time"
)

// bucket is one that is not full.
type bucket struct {
	key     string
	arrival time.Time // theoretical arrival time: when it is full
	place   int       // in the order
}

// shelf has the buckets of one rate.
type shelf struct {
	buckets map[string]*bucket
	order   order
}

// arrival returns what is kept of key: zero for a full bucket.
func (s *shelf) arrival(key string) time.Time {
	if b, ok := s.buckets[key]; ok {
		return b.arrival
	}
	return time.Time{}
}

// put keeps the arrival of key.
func (s *shelf) put(key string, arrival time.Time) {
	if b, ok := s.buckets[key]; ok {
		b.arrival = arrival
		heap.Fix(&s.order, b.place)
		return
	}
	b := &bucket{key: key, arrival: arrival}
	s.buckets[key] = b
	heap.Push(&s.order, b)
}

// sweep drops buckets that are full at now, few at a time and yet more than one
// attempt adds to the shelf.
func (s *shelf) sweep(now time.Time) {
	for range 2 {
		if len(s.order) == 0 || s.order[0].arrival.After(now) {
			return
		}
		s.forget()
	}
}

// forget drops the bucket that is nearest to full.
func (s *shelf) forget() {
	b, _ := heap.Pop(&s.order).(*bucket)
	delete(s.buckets, b.key)
}

// order is a heap of the buckets with the one that is full first at its top.
type order []*bucket

// Len implements heap.Interface.
func (o order) Len() int { return len(o) }

// Less implements heap.Interface.
func (o order) Less(i, j int) bool { return o[i].arrival.Before(o[j].arrival) }

// Swap implements heap.Interface.
func (o order) Swap(i, j int) {
	o[i], o[j] = o[j], o[i]
	o[i].place, o[j].place = i, j
}

// Push implements heap.Interface.
func (o *order) Push(x any) {
	b, _ := x.(*bucket)
	b.place = len(*o)
	*o = append(*o, b)
}

// Pop implements heap.Interface.
func (o *order) Pop() any {
	last := len(*o) - 1
	b := (*o)[last]
	(*o)[last] = nil
	*o = (*o)[:last]
	return b
}
