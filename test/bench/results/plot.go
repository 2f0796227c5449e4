package results

func Plot(r *Report, dir string) error { return nil }
