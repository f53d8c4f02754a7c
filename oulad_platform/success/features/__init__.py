"""What is known about an enrolment before a day: the catalogue of features and the functions that compute them."""
