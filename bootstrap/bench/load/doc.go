// Package load makes requests by a schedule and keeps the exact time of each.
//
// Open sends at fixed times whatever becomes of earlier requests, and counts from
// the time at which a request was due, so that a service that stalls cannot hide
// it by being asked less. Closed keeps a number of workers who each wait for their
// answer, and for as long as they are told to, before they ask again.
package load
