package main // The note's program: one goroutine refreshes two keys, another prints them.

import (
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

func main() {
	_map, readers, writers := map[string]interface{}{}, argument(1), argument(2)
	wg := sync.WaitGroup{}
	wg.Add(1)
	for x := 0; x < writers; x++ {
		go func() {
			for {
				_map["1"] = strconv.FormatInt(int64(rand.Intn(1000)), 10)
				_map["2"] = strconv.FormatInt(int64(rand.Intn(1000)), 10)
				<-time.After(time.Millisecond)
			}
		}()
	}

	for x := 0; x < readers; x++ {
		// The other side.
		go func() {
			for {
				fmt.Println(_map["1"])
				fmt.Println(_map["2"])
			}
		}()
	}

	runtime.Gosched()
	wg.Wait()
}

// argument returns the number of goroutines: the n-th argument, or one.
func argument(n int) int {
	if n < len(os.Args) {
		if count, err := strconv.Atoi(os.Args[n]); err == nil {
			return count
		}
	}
	return 1
}
