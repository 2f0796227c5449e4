package main

import "sync"

// inParallel does n things with as many workers as a client may have, and returns the first error.
func inParallel(n int, do func(i int) error) (err error) {
	var all sync.WaitGroup
	var once sync.Once
	next := make(chan int)
	for range writers {
		all.Go(func() {
			for i := range next {
				if e := do(i); e != nil {
					once.Do(func() { err = e })
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	return err
}
