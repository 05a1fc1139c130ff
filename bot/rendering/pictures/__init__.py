"""Results as pictures. Only this package imports matplotlib, and only when the first picture is drawn."""
