// Package journal keeps balances, and logs each change.
package journal

import (
	"strconv"

	"example.com/applog"
	"example.com/shop/mark"
)

// Journal has a balance for each account.
type Journal struct {
	balances map[int]int
	log      *applog.Sink
}

// New returns one with some accounts.
func New(log *applog.Sink) *Journal {
	return &Journal{balances: map[int]int{1: 0, 2: 0}, log: log}
}

// Post adds to an account, and logs that.
func (j *Journal) Post(account, amount int) {
	j.balances[account] += amount // writes: journal
	j.log.Write("posted " + strconv.Itoa(amount))
}

// Settle posts for ever.
func (j *Journal) Settle() {
	mark.Here()
	for n := 0; ; n++ {
		j.Post(n%2, n)
	}
}

// Balance returns the balance of an account.
func (j *Journal) Balance(account int) int {
	return j.balances[account] // notices: journal
}
