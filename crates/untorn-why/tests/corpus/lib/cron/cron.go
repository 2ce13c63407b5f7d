// Package cron runs jobs again and again.
package cron

import "time"

// Cron runs its jobs, each in a goroutine of its own or all in its loop.
type Cron struct {
	every  time.Duration
	inline bool
	jobs   []func()
	stop   chan struct{}
}

// New returns one without jobs. Inline jobs run in the loop itself.
func New(every time.Duration, inline bool) *Cron {
	return &Cron{every: every, inline: inline, stop: make(chan struct{})}
}

// AddFunc adds a job.
func (c *Cron) AddFunc(job func()) { c.jobs = append(c.jobs, job) }

// Start starts the loop.
func (c *Cron) Start() { go c.run() }

func (c *Cron) run() {
	timer := time.NewTimer(c.every)
	for {
		select {
		case <-timer.C:
			for _, job := range c.jobs {
				if c.inline {
					job()
				} else {
					go c.startJob(job)
				}
			}
			timer.Reset(c.every)
		case <-c.stop:
			return
		}
	}
}

func (c *Cron) startJob(job func()) {
	defer func() { recover() }()
	job()
}
