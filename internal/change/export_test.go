package change

// Waiting returns how many changes wait in the lanes.
func (s *Service) Waiting() int { return s.queues.lanes.WaitingNow() }

// AdmissionLife is how old an Admission may be.
const AdmissionLife = admissionLife
