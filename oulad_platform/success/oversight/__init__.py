"""Whether the model in charge is fair to groups of students and still sees the students it learnt from: audits, drift, alarms."""
