"""Images: the built-in Shapes, CIFAR-10, a folder of your own; batches and preparation."""
