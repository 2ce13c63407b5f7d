// A batch: workers that fill a map, and progress that is read meanwhile.
package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"example.com/shop/batch/convert"
	"example.com/shop/idle"
	"example.com/shop/mark"
)

func memo() {
	idle.Start("metrics", "audit")
	memo := convert.NewMemo()
	for i := 0; i < 4; i++ {
		go memo.Solve(i * 100)
	}
	var forever sync.WaitGroup
	forever.Add(1)
	forever.Wait()
}

// A stage counts what passes, and waits for the next one most of the time.
func pipeline() {
	idle.Start("mail", "evict", "signals")
	totals := map[string]int{}
	parsed, checked := make(chan string), make(chan string)
	go parse(parsed)
	go tally(totals, parsed, checked)
	go func() {
		for range checked {
			idle.Spin(3000)
		}
	}()
	for {
		progress(totals)
	}
}

func parse(parsed chan<- string) {
	for n := 0; ; n++ {
		parsed <- strconv.Itoa(n % 32)
	}
}

func tally(totals map[string]int, parsed <-chan string, checked chan<- string) {
	mark.Here()
	for word := range parsed {
		totals[word]++ // writes: pipeline
		checked <- word
	}
}

func progress(totals map[string]int) int {
	return totals["7"] // notices: pipeline
}

// Two literals of one function share a variable.
func captured() {
	idle.Start("metrics", "lease", "pipe")
	status := map[string]int{}
	done := make(chan bool)
	go func() {
		mark.Here()
		defer close(done)
		for n := 0; n < 1<<30; n++ {
			for i := 0; i < 4; i++ {
				status[strconv.Itoa(i)] = n // writes: captured
			}
			time.Sleep(20 * time.Microsecond)
		}
	}()
	go func() {
		for {
			report(status)
		}
	}()
	<-done
}

func report(status map[string]int) {
	fmt.Fprintln(io.Discard, status["0"], status["1"]) // notices: captured
}

// The results are read after a timeout, while the workers go on.
func timeout() {
	idle.Start("mail", "listen")
	results := map[int]int{}
	for i := 0; i < 3; i++ {
		go func(n int) {
			mark.Here()
			for page := 0; ; page++ {
				results[page%100] = fetch(n, page) // writes: timeout; notices: timeout
			}
		}(i)
	}
	time.Sleep(time.Millisecond)
	for {
		summarize(results)
	}
}

func fetch(n, page int) int { return n + page + int(idle.Spin(100)) }

func summarize(results map[int]int) int {
	sum := 0
	for _, result := range results { // notices: timeout
		sum += result
	}
	return sum
}

// Each worker ends after one result, and one of them ends too late.
func late() {
	idle.Start("evict", "audit", "locked")
	for {
		answers := map[string]int{}
		for i := 0; i < 8; i++ {
			go ask(answers, i)
		}
		time.Sleep(2 * time.Microsecond)
		collect(answers)
	}
}

func ask(answers map[string]int, n int) {
	mark.Here()
	answers[strconv.Itoa(n)] = int(idle.Spin(n * 200)) // writes: late; notices: late
}

func collect(answers map[string]int) int {
	sum := 0
	for i := 0; i < 3000; i++ {
		sum += answers[strconv.Itoa(i%8)] // notices: late
	}
	return sum
}

func main() {
	switch os.Args[1] {
	case "fan-out":
		idle.Start("mail", "signals")
		convert.New().Run(4)
	case "fan-out-once":
		idle.Start("metrics", "evict")
		for {
			convert.New().Once(16)
		}
	case "group":
		idle.Start("audit", "lease")
		fmt.Println(convert.New().Together(3))
	case "memo":
		memo()
	case "pipeline":
		pipeline()
	case "captured":
		captured()
	case "timeout":
		timeout()
	case "late":
		late()
	}
}
