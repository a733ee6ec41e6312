"""Tables, text, figures and files as the reports write them."""
