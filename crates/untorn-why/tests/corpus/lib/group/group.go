// Package group is a group of goroutines that are waited for together, as of golang.org/x/sync.
package group

import "sync"

// Group waits for its goroutines, and keeps the first error.
type Group struct {
	wait sync.WaitGroup
	once sync.Once
	err  error
}

// Go starts a goroutine.
func (g *Group) Go(work func() error) {
	g.wait.Add(1)
	go func() {
		defer g.wait.Done()
		if err := work(); err != nil {
			g.once.Do(func() { g.err = err })
		}
	}()
}

// Wait waits for all of them.
func (g *Group) Wait() error {
	g.wait.Wait()
	return g.err
}
