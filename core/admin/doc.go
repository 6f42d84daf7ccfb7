// Package admin is what operators and administrators do to accounts of others.
package admin
