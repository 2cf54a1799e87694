"""sMLPNet (arXiv 2109.05422) in PyTorch, with the state-dict keys of the public checkpoints.

Written from the network's description; used to train the bundled model and to make golden outputs.
Activations stay in NHWC memory order, so every mixing step is one matrix product:

    mixing along the width   y[b,i,j,c] = sum_k W[j,k] x[b,i,k,c] + bias[j]     matmul(W, x)           per row
    mixing along the height  y[b,i,j,c] = sum_k H[i,k] x[b,k,j,c] + bias[i]     matmul(H, x as h x hC) per picture
"""

import torch
import torch.nn.functional as F
from torch import nn


class Named(nn.Module):
    """A module that only holds sub-modules under given names (the checkpoint's own keys)."""

    def __init__(self, **modules):
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)



class TokenMix(nn.Module):
    """x (B,h,h,C) -> fuse(concat[g, mixW(g), mixH(g)]) with g = GELU(BN2(DW3x3(GELU(BN1(x)))))."""

    def __init__(self, channels, h):
        super().__init__()
        conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.add_module("0", Named(conv_merge=Named(BN=nn.BatchNorm2d(channels), Conv=conv)))
        self.add_module("1", Named(
            BN=nn.BatchNorm2d(channels),
            proj_h=nn.Conv2d(h, h, 1),  # mixes along the width, whatever its name says
            proh_w=nn.Conv2d(h, h, 1),  # mixes along the height
            fuse=nn.Conv2d(3 * channels, channels, 1, bias=False)))

    def forward(self, x):
        local, mix = self.get_submodule("0").conv_merge, self.get_submodule("1")
        b, h, w, c = x.shape
        a = F.gelu(local.BN(x.permute(0, 3, 1, 2)))
        g = F.gelu(mix.BN(local.Conv(a))).permute(0, 2, 3, 1)
        along_width = torch.matmul(mix.proj_h.weight[:, :, 0, 0], g) + mix.proj_h.bias[:, None]
        along_height = torch.matmul(mix.proh_w.weight[:, :, 0, 0], g.reshape(b, h, w * c)).reshape(b, h, w, c)
        along_height = along_height + mix.proh_w.bias[:, None, None]
        return F.linear(torch.cat([g, along_width, along_height], dim=3), mix.fuse.weight[:, :, 0, 0])


class ChannelMix(nn.Module):
    """x (B,h,h,C) -> FC2(GELU(FC1(LayerNorm(x))))."""

    def __init__(self, channels, alpha):
        super().__init__()
        self.add_module("1", nn.LayerNorm(channels))
        mlp = Named()
        mlp.add_module("0", nn.Linear(channels, alpha * channels))
        mlp.add_module("3", nn.Linear(alpha * channels, channels))
        self.add_module("2", Named(net=mlp))

    def forward(self, x):
        mlp = self.get_submodule("2").net
        return mlp.get_submodule("3")(F.gelu(mlp.get_submodule("0")(self.get_submodule("1")(x))))


class SMLPNet(nn.Module):
    """Pictures (B, in_channels, image, image) -> logits (B, classes)."""

    def __init__(self, dim=80, depths=(2, 8, 14, 2), alpha=3, patch=4, image=224, in_channels=3, classes=1000,
                 drop_path=0.0):
        super().__init__()
        self.depths = tuple(depths)
        self.to_patch_embedding = nn.ModuleList()
        self.token_mix = nn.ModuleList()
        self.channel_mix = nn.ModuleList()
        for s, depth in enumerate(depths):
            channels, h = dim << s, image // patch >> s
            inputs, k = (in_channels, patch) if s == 0 else (channels // 2, 2)
            self.to_patch_embedding.append(nn.Sequential(nn.Conv2d(inputs, channels, k, k, bias=False)))
            self.token_mix.extend(TokenMix(channels, h) for _ in range(depth))
            self.channel_mix.extend(ChannelMix(channels, alpha) for _ in range(depth))
        self.batch_norm = nn.BatchNorm2d(dim << (len(depths) - 1))
        self.mlp_head = nn.Sequential(nn.Linear(dim << (len(depths) - 1), classes))
        blocks = sum(depths)
        self.drop_rates = [drop_path * b / max(1, blocks - 1) for b in range(blocks)]

    def residual(self, x, branch, rate):
        """x + branch, where training drops the whole branch of a picture with probability `rate`."""
        if not self.training or rate == 0.0:
            return x + branch
        keep = (torch.rand(x.shape[0], 1, 1, 1, device=x.device) >= rate).to(branch.dtype) / (1.0 - rate)
        return x + branch * keep

    def forward(self, x, observe=None):
        """`observe(name, activation NHWC)`, where given, sees every stem, block and the features before the head."""
        observe = observe or (lambda name, value: None)
        b = 0
        for s, depth in enumerate(self.depths):
            x = self.to_patch_embedding[s](x).permute(0, 2, 3, 1).contiguous()
            observe(f"stem.{s}", x)
            for _ in range(depth):
                x = self.residual(x, self.token_mix[b](x), self.drop_rates[b])
                observe(f"token_mix.{b}", x)
                x = self.residual(x, self.channel_mix[b](x), self.drop_rates[b])
                observe(f"channel_mix.{b}", x)
                b += 1
            x = x.permute(0, 3, 1, 2)
        features = self.batch_norm(x).mean(dim=(2, 3))
        observe("features", features)
        return self.mlp_head(features)
