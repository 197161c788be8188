# Solutions of lesson 00, one block for each exercise.

# %% head_share
in_head = sum(p.numel() for p in model.classifier[1].parameters())
share_of_head = in_head / sum(p.numel() for p in model.parameters())

# %% sure_and_wrong
sure, answer = model.classifier(test_x).softmax(1).max(1)
most_sure_and_wrong = int(sure.masked_fill(answer == test_y, 0).argmax())
