package placement

// Brake limits how many runtimes of one product may be removed at once without a person's approval.
type Brake struct {
	// Floor is how many removals are always free.
	Floor int
	// Percent of the product's recorded runtimes that may be removed at once.
	Percent int
}

// Holds says whether so many removals at once, of so many recorded runtimes, are too many.
func (b Brake) Holds(removing, recorded int) bool {
	return removing > max(b.Floor, recorded*b.Percent/100)
}
