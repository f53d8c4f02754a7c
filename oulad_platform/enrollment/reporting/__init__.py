"""What people see of enrolment: charts, the briefing with its sections, exports. The figures come from the tables."""
